"""One PostgreSQL for all of these tests; each has a database of its own in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.database.postgres import Database, database


@pytest.fixture(scope="session")
def postgres() -> Iterator[Database]:
    with database() as found:
        yield found

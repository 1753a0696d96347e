"""Checks of passwords that do not come to their end before the test lets them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import bcrypt
import pytest


@contextmanager
def checks_held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Until the event is set, or the block ends."""
    go_on, check = threading.Event(), bcrypt.checkpw

    def wait(password: bytes, hashed: bytes) -> bool:
        assert go_on.wait(30)
        return check(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", wait)
    try:
        yield go_on
    finally:
        go_on.set()

"""A floor must answer, however it does so: else the product would be compared with nothing."""

from __future__ import annotations

import asyncio

import pytest

from bench.floor import WAYS
from bench.servers import Floor

LINES = 20


@pytest.mark.parametrize("way", ["", *WAYS])
def test_what_is_answered_is_in_all_three_journals(way: str) -> None:
    async def calls(floor: Floor) -> list[bytes]:
        call = await floor.caller()
        return list(await asyncio.gather(*(call() for _ in range(LINES))))

    with Floor(way) as floor:
        assert asyncio.run(calls(floor)) == [b"x" * 200] * LINES
        journals = [path.read_bytes() for path in floor.folder.glob("*.journal")]
        # The first call was to find out whether it is ready.
        assert journals == [b"x" * 200 * (LINES + 1)] * (3 if way else 0)

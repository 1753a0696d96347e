"""Shares: bounds for each owner and in all, and whose turn comes."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from chat.core.errors import Busy
from chat.server.calls import Shares


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


async def turns() -> None:
    """Lets every task run until it waits."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_each_owner_and_all_together_have_so_many() -> None:
    shares = Shares(3, each=2)
    shares.take("ann")
    shares.take("ann")
    with pytest.raises(Busy):
        shares.take("ann")
    shares.take("bob")
    with pytest.raises(Busy):
        shares.take("cat")
    shares.give_back("ann")
    shares.take("cat")
    assert len(shares) == 3


def test_who_waits_has_the_next_turn_of_its_owner() -> None:
    async def scenario() -> None:
        shares = Shares(10, each=1)
        await shares.turn("ann")
        got: list[int] = []

        async def wait(number: int) -> None:
            await shares.turn("ann")
            got.append(number)

        waiting = [asyncio.create_task(wait(number)) for number in range(3)]
        await turns()
        await asyncio.wait_for(shares.turn("bob"), 1)
        assert got == []
        for number in range(3):
            shares.give_back("ann")
            await turns()
            assert got == list(range(number + 1))
        await asyncio.gather(*waiting)

    run(scenario())


def test_a_turn_that_nobody_takes_goes_to_the_next() -> None:
    async def scenario() -> None:
        shares = Shares(10, each=1)
        await shares.turn("ann")
        first, second = (asyncio.create_task(shares.turn("ann")) for _ in range(2))
        await turns()
        shares.give_back("ann")  # the first one's turn, and at this very moment it gives up
        first.cancel()
        await asyncio.wait_for(second, 1)
        assert len(shares) == 1
        shares.give_back("ann")
        assert not shares._waiting
        assert not shares._held

    run(scenario())


def test_who_waits_is_told_when_others_have_all() -> None:
    async def scenario() -> None:
        shares = Shares(2, each=1)
        await shares.turn("ann")
        waiting = [asyncio.create_task(shares.turn("ann")) for _ in range(2)]
        await turns()
        shares.give_back("ann")
        shares.take("bob")
        shares.take("cat")
        results = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 1)
        assert [type(result) for result in results] == [Busy, Busy]

    run(scenario())

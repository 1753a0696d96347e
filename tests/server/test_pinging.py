"""Pings: to every other server, no more than may wait, and none after the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from chat.config import Address
from chat.core import limits
from chat.rpc import health_pb2
from chat.server.peering import Found, Peering
from chat.server.pinging import Pinging
from chat.tls import Trust
from tests.ports import free_ports

REQUEST = health_pb2.PingRequest(server_id=1)
Scenario = Callable[[Pinging, "list[asyncio.StreamWriter]"], Coroutine[None, None, None]]


def play(scenario: Scenario) -> None:
    """With two servers that take connections and never say a word."""
    (port,) = free_ports(1)
    held: list[asyncio.StreamWriter] = []

    async def hold(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    def heard(*_: object) -> None:
        raise AssertionError("nobody has answered")

    async def run() -> None:
        listener = await asyncio.start_server(hold, "127.0.0.1", port)
        address = Address("127.0.0.1", port)
        places = dict.fromkeys((1, 2, 3), str(address))
        pong: Callable[[int, health_pb2.PingResponse, float], None] = heard
        found: Callable[[int, Found], None] = heard
        peers = dict.fromkeys((2, 3), address)
        pinging = Pinging(peers, Trust(), Peering(b"k", 1, places, "2.0"), 30.0, pong, found)
        try:
            await scenario(pinging, held)
        finally:
            await pinging.end()
            for writer in held:
                writer.close()
            listener.close()

    asyncio.run(run())


async def connected(held: list[asyncio.StreamWriter], count: int) -> None:
    while len(held) < count:
        await asyncio.sleep(0.001)


def test_every_server_is_asked_on_a_connection_of_its_own() -> None:
    async def scenario(pinging: Pinging, held: list[asyncio.StreamWriter]) -> None:
        pinging.ping(REQUEST)
        await connected(held, 2)
        assert pinging.waiting == 2

    play(scenario)


def test_only_so_many_pings_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PINGS_WAITING_MAX", 5)

    async def scenario(pinging: Pinging, held: list[asyncio.StreamWriter]) -> None:
        for _ in range(10):
            pinging.ping(REQUEST)
        await connected(held, 2)
        assert pinging.waiting == 5

    play(scenario)


def test_after_the_end_nobody_is_asked() -> None:
    async def scenario(pinging: Pinging, held: list[asyncio.StreamWriter]) -> None:
        pinging.ping(REQUEST)
        await connected(held, 2)
        await pinging.end()
        pinging.ping(REQUEST)
        assert pinging.waiting == 0

    play(scenario)


def test_a_server_that_is_none_any_more_is_asked_no_more() -> None:
    async def scenario(pinging: Pinging, _held: list[asyncio.StreamWriter]) -> None:
        pinging.move({}, 30.0)
        while pinging.waiting:  # the channels close
            await asyncio.sleep(0.001)
        pinging.ping(REQUEST)
        assert pinging.waiting == 0

    play(scenario)

"""What the operating system says of an address."""

from __future__ import annotations

import asyncio
import socket

from chat.config import Address
from chat.server.sockets import all_refuse, resolve, why_not_bind
from tests.ports import free_ports


def test_an_address_refuses_when_nobody_listens() -> None:
    async def scenario() -> None:
        (port,) = free_ports(1)
        targets = await resolve(Address("127.0.0.1", port))
        assert await all_refuse(targets)
        with socket.create_server(("127.0.0.1", port)):
            assert not await all_refuse(targets)
        assert not await all_refuse(())

    asyncio.run(scenario())


def test_a_name_refuses_only_when_each_of_its_addresses_does() -> None:
    """ "localhost" may be ::1 too, where nobody listens while the server lives at 127.0.0.1."""

    async def scenario() -> None:
        one, other = free_ports(2)
        dead = await resolve(Address("127.0.0.1", one))
        alive = await resolve(Address("127.0.0.1", other))
        with socket.create_server(("127.0.0.1", other)):
            assert not await all_refuse((*dead, *alive))
            assert not await all_refuse((*alive, *dead))
        assert await all_refuse((*alive, *dead))

    asyncio.run(scenario())


def test_silence_is_no_refusal() -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
            targets = await resolve(Address(*full.getsockname()))
            waiting = [socket.create_connection(full.getsockname())]
            assert not await all_refuse(targets)
            for each in waiting:
                each.close()

    asyncio.run(scenario())


def test_why_an_address_cannot_be_bound() -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            obstacle = await why_not_bind(Address(*taken.getsockname()))
            assert obstacle is not None
            assert "in use" in obstacle.words
            assert not obstacle.may_pass
        (port,) = free_ports(1)
        for host in ("127.0.0.1", "localhost"):
            assert await why_not_bind(Address(host, port)) is None
        for host in ("192.0.2.1", "no-such-name.invalid"):
            obstacle = await why_not_bind(Address(host, port))
            assert obstacle is not None
            assert obstacle.may_pass

    asyncio.run(scenario())

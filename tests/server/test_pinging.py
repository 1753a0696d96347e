"""Pings: to every other server, no more than may wait, and none after the end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import grpc
from grpc import aio

from chat.config import Address
from chat.rpc import health_pb2
from chat.server.peering import ANYWHERE, PING, PINGS, Found, Peering
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
            listener.close()
            for writer in held:
                writer.close()
            while pinging.waiting:  # gRPC must be done with the calls before the loop ends
                await asyncio.sleep(0.001)
            await pinging.end()

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


def test_of_many_pings_the_newest_waits_behind_one_that_cannot_be_written() -> None:
    async def scenario(pinging: Pinging, held: list[asyncio.StreamWriter]) -> None:
        for _ in range(10):
            pinging.ping(REQUEST)
        await connected(held, 2)
        assert pinging.waiting == 2

    play(scenario)


def test_after_the_end_nobody_is_asked() -> None:
    async def scenario(pinging: Pinging, held: list[asyncio.StreamWriter]) -> None:
        await pinging.end()
        pinging.ping(REQUEST)
        assert pinging.waiting == 0
        assert held == []

    play(scenario)


def test_a_server_that_is_none_any_more_is_asked_no_more() -> None:
    async def scenario(pinging: Pinging, _held: list[asyncio.StreamWriter]) -> None:
        pinging.move({}, 30.0)
        while pinging.waiting:  # the channels close
            await asyncio.sleep(0.001)
        pinging.ping(REQUEST)
        assert pinging.waiting == 0

    play(scenario)


def test_a_server_that_did_not_even_take_a_connection_is_asked_again_once_it_does() -> None:
    """The ping was given up before it had a connection, and no later one was written."""
    peering = Peering(b"k", 2, {1: ANYWHERE, 2: ANYWHERE}, "2.0")
    pongs: asyncio.Queue[float] = asyncio.Queue()

    async def answer(requests: Any, context: Any) -> None:
        server_id, proof = peering.answer(PINGS, context.invocation_metadata())
        await context.send_initial_metadata(proof)
        if not server_id:
            return  # it introduces itself first
        async for request in requests:
            await context.write(health_pb2.PingResponse(alive=True, echo=request.sent_at))

    async def starts(port: int) -> aio.Server:
        server = aio.server()
        pings = grpc.stream_stream_rpc_method_handler(
            answer, health_pb2.PingRequest.FromString, health_pb2.PingResponse.SerializeToString
        )
        handler = grpc.method_handlers_generic_handler(PINGS.split("/")[1], {"Pings": pings})
        server.add_generic_rpc_handlers((handler,))
        assert server.add_insecure_port(f"127.0.0.1:{port}") == port
        await server.start()
        return server

    async def run() -> None:
        loop = asyncio.get_running_loop()
        frozen = socket.create_server(("127.0.0.1", 0))  # the system answers, and nobody else
        port = frozen.getsockname()[1]
        pinging = Pinging(
            {2: Address("127.0.0.1", port)}, Trust(),
            Peering(b"k", 1, {1: ANYWHERE, 2: ANYWHERE}, "2.0"), 1.0,
            lambda _peer, answer, _asked: pongs.put_nowait(answer.echo), lambda *_: None,
        )  # fmt: skip
        pinging.ping(health_pb2.PingRequest(server_id=1))
        taken, _ = await loop.run_in_executor(None, frozen.accept)
        pinging.ping(health_pb2.PingRequest(server_id=1, sent_at=2.0))  # the first one is late
        await asyncio.sleep(0)
        taken.close()
        frozen.close()
        server = await starts(port)
        try:
            for number in range(1_000):
                pinging.ping(health_pb2.PingRequest(server_id=1, sent_at=3.0 + number / 10_000))
                with suppress(asyncio.TimeoutError):
                    assert await asyncio.wait_for(pongs.get(), 0.03) >= 2.0
                    break
            else:
                raise AssertionError("it was never asked again")
        finally:
            await pinging.end()
            await server.stop(None)

    asyncio.run(run())


def test_a_proof_that_is_lost_with_a_stream_makes_no_stranger_of_a_peer() -> None:
    """gRPC may lose the first metadata of a stream that is refused at once: of one that a server
    refuses that has only just started, and knows nobody yet."""
    peering = Peering(b"k", 2, {1: ANYWHERE, 2: ANYWHERE}, "2.0")
    pongs: asyncio.Queue[str] = asyncio.Queue()

    async def stream(requests: Any, context: Any) -> None:
        server_id, proof = peering.answer(PINGS, context.invocation_metadata())
        if not server_id:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "the proof is lost")
        await context.send_initial_metadata(proof)
        async for _ in requests:
            await context.write(health_pb2.PingResponse(version="a stream"))

    async def single(_request: health_pb2.PingRequest, context: Any) -> health_pb2.PingResponse:
        server_id, proof = peering.answer(PING, context.invocation_metadata())
        await context.send_initial_metadata(proof)
        if not server_id:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "who is it?")
        return health_pb2.PingResponse(version="a call")

    def found(_peer: int, found: Found) -> None:
        raise AssertionError(found.words)

    async def run() -> None:
        forms = health_pb2.PingRequest.FromString, health_pb2.PingResponse.SerializeToString
        handlers = {
            "Pings": grpc.stream_stream_rpc_method_handler(stream, *forms),
            "Ping": grpc.unary_unary_rpc_method_handler(single, *forms),
        }
        server = aio.server()
        service = grpc.method_handlers_generic_handler(PINGS.split("/")[1], handlers)
        server.add_generic_rpc_handlers((service,))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        pinging = Pinging(
            {2: Address("127.0.0.1", port)}, Trust(),
            Peering(b"k", 1, {1: ANYWHERE, 2: ANYWHERE}, "2.0"), 30.0,
            lambda _peer, answer, _asked: pongs.put_nowait(answer.version), found,
        )  # fmt: skip
        try:
            for expected in ("a call", "a stream", "a stream"):
                pinging.ping(REQUEST)
                assert await asyncio.wait_for(pongs.get(), 30.0) == expected
        finally:
            await pinging.end()
            await server.stop(None)

    asyncio.run(run())


def test_a_server_of_an_earlier_version_is_asked_one_by_one() -> None:
    """It knows no stream of pings, and the call of each bears its proof."""

    async def answer(request: health_pb2.PingRequest, context: Any) -> health_pb2.PingResponse:
        server_id, proof = peering.answer(PING, context.invocation_metadata())
        await context.send_initial_metadata(proof)
        callers.append(server_id)
        return health_pb2.PingResponse(alive=True, server_id=2, echo=request.sent_at)

    callers: list[int] = []
    pongs: asyncio.Queue[tuple[int, float, float]] = asyncio.Queue()
    peering = Peering(b"k", 2, {1: ANYWHERE, 2: ANYWHERE}, "2.0")

    def pong(peer: int, answer: health_pb2.PingResponse, asked: float) -> None:
        pongs.put_nowait((peer, answer.echo, asked))

    def found(_peer: int, found: Found) -> None:
        raise AssertionError(found.words)

    async def run() -> None:
        server = aio.server()
        ping = grpc.unary_unary_rpc_method_handler(
            answer, health_pb2.PingRequest.FromString, health_pb2.PingResponse.SerializeToString
        )
        service = PING.split("/")[1]
        handler = grpc.method_handlers_generic_handler(service, {"Ping": ping})
        server.add_generic_rpc_handlers((handler,))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        caller = Peering(b"k", 1, {1: ANYWHERE, 2: ANYWHERE}, "2.0")
        at = {2: Address("127.0.0.1", port)}
        pinging = Pinging(at, Trust(), caller, 30.0, pong, found)
        try:
            for number in range(3):
                pinging.ping(health_pb2.PingRequest(server_id=1, sent_at=number))
                assert await asyncio.wait_for(pongs.get(), 30.0) == (2, number, number)
        finally:
            await pinging.end()
            await server.stop(None)

    asyncio.run(run())
    assert callers.count(1) == 3

"""HealthService: that this server lives, for anyone; what it vouches for, for its peers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
from grpc import aio

from chat import peer_wire
from chat.rpc import health_pb2, health_pb2_grpc
from chat.server.auth import calling_server
from chat.server.machine import Machine
from chat.server.tasks import until
from chat.server.timekeeper import clock_s


class HealthService(health_pb2_grpc.HealthServiceServicer):
    """`on_ping` is called after each ping of a peer; `version` is this server's."""

    def __init__(self, machine: Machine, version: str, on_ping: Callable[[], None]) -> None:
        self._machine = machine
        self._version = version
        self._on_ping = on_ping
        self._ending = asyncio.Event()

    def end_streams(self) -> None:
        """As those of ReplicationService."""
        self._ending.set()

    async def Ping(self, request: health_pb2.PingRequest, context: Any) -> health_pb2.PingResponse:
        peer = calling_server()
        if peer and request.server_id == peer:
            return await self._answer(peer, request, context)
        return health_pb2.PingResponse(
            alive=True,
            server_id=self._machine.server_id,
            view=self._machine.picture().view.number.number,
            version=self._version,
        )

    async def Pings(  # type: ignore[override]  # a coroutine that writes, not a generator
        self, requests: AsyncIterator[health_pb2.PingRequest], context: Any
    ) -> None:
        await until(self._ending, self._answer_all(calling_server(), requests, context))

    async def _answer_all(
        self, peer: int, requests: AsyncIterator[health_pb2.PingRequest], context: Any
    ) -> None:
        async for request in requests:
            if request.server_id == peer:
                await context.write(await self._answer(peer, request, context))

    async def _answer(
        self, peer: int, request: health_pb2.PingRequest, context: Any
    ) -> health_pb2.PingResponse:
        machine, now = self._machine, clock_s()
        machine.outlook.neighbours.called(peer, request.trouble, now)
        pong = machine.ping_received(peer, peer_wire.ping_from_proto(request))
        self._on_ping()
        if pong is not None:
            trouble = machine.outlook.neighbours.trouble(now)
            answer = peer_wire.pong_to_proto(machine.server_id, self._version, pong, trouble)
            answer.wall_ms = machine.time.wall_ms()
            return answer
        await context.abort(grpc.StatusCode.UNAVAILABLE, "The disk does not answer.")
        raise aio.AbortError

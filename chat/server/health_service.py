"""HealthService: that this server lives, for anyone; what it vouches for, for its peers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

from chat import wire
from chat.rpc import health_pb2, health_pb2_grpc
from chat.server.machine import Machine
from chat.server.peering import Peering


class HealthService(health_pb2_grpc.HealthServiceServicer):
    """`on_ping` is called after each ping of a peer."""

    def __init__(self, machine: Machine, peering: Peering, on_ping: Callable[[], None]) -> None:
        self._machine = machine
        self._on_ping = on_ping
        self._peering = peering

    async def Ping(self, request: health_pb2.PingRequest, context: Any) -> health_pb2.PingResponse:
        machine = self._machine
        if self._peering.is_peer(context.invocation_metadata()) and machine.is_peer(
            request.server_id
        ):
            pong = machine.ping_received(request.server_id, wire.ping_from_proto(request))
            self._on_ping()
            if pong is not None:
                answer = wire.pong_to_proto(machine.server_id, self._peering.version, pong)
                answer.wall_ms = machine.time.wall_ms()
                return answer
            await context.abort(grpc.StatusCode.UNAVAILABLE, "The disk does not answer.")
        return health_pb2.PingResponse(
            alive=True,
            server_id=machine.server_id,
            view=machine.picture().view.number.number,
            version=self._peering.version,
        )

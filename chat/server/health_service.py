"""HealthService: that this server lives, for anyone; what it vouches for, for its peers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

from chat import peer_wire
from chat.rpc import health_pb2, health_pb2_grpc
from chat.server.auth import calling_server
from chat.server.machine import Machine
from chat.server.timekeeper import clock_s


class HealthService(health_pb2_grpc.HealthServiceServicer):
    """`on_ping` is called after each ping of a peer; `version` is this server's."""

    def __init__(self, machine: Machine, version: str, on_ping: Callable[[], None]) -> None:
        self._machine = machine
        self._version = version
        self._on_ping = on_ping

    async def Ping(self, request: health_pb2.PingRequest, context: Any) -> health_pb2.PingResponse:
        machine, peer = self._machine, calling_server()
        if peer and request.server_id == peer:
            now = clock_s()
            machine.outlook.neighbours.called(peer, request.trouble, now)
            pong = machine.ping_received(peer, peer_wire.ping_from_proto(request))
            self._on_ping()
            if pong is not None:
                trouble = machine.outlook.neighbours.trouble(now)
                answer = peer_wire.pong_to_proto(machine.server_id, self._version, pong, trouble)
                answer.wall_ms = machine.time.wall_ms()
                return answer
            await context.abort(grpc.StatusCode.UNAVAILABLE, "The disk does not answer.")
        return health_pb2.PingResponse(
            alive=True,
            server_id=machine.server_id,
            view=machine.picture().view.number.number,
            version=self._version,
        )

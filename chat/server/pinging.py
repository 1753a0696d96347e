"""Pinging: asks every other server how it is, each time that it is told to.

Belongs to the event loop. Each server has a channel of its own for it, so that no ping waits behind
what else is said. (From a thread, with gRPC's other stack, an idle server took 3.0 % of a core; so,
2.6: a call of that stack begins a thread and ends it.)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

import grpc
from grpc import aio

from chat.config import Address
from chat.core import limits
from chat.rpc import health_pb2, health_pb2_grpc
from chat.server.peering import PING, Answerer, Found, Peering
from chat.server.peers import CHANNEL_OPTIONS
from chat.server.tasks import Tasks
from chat.tls import Trust

# Made by gRPC here, or by a server whose disk does not answer: nobody may be at the other end.
_NO_ANSWER: Final = frozenset(
    (
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNAVAILABLE,
    )
)


class Pinging:
    """`pong` gets a peer's id, its answer, which it has proven to be its own, and when it was
    asked; `found` gets the id of a peer and who answers in its place."""

    def __init__(
        self,
        peers: Mapping[int, Address],
        trust: Trust,
        peering: Peering,
        timeout_s: float,
        pong: Callable[[int, health_pb2.PingResponse, float], None],
        found: Callable[[int, Found], None],
    ) -> None:
        self._trust = trust
        self._peering = peering
        self._timeout_s = timeout_s
        self._pong = pong
        self._found = found
        self._peers: dict[int, Address] = {}
        self._channels: dict[int, aio.Channel] = {}
        self._stubs: dict[int, Any] = {}
        self._tasks = Tasks()
        self._ended = False
        self.move(peers, timeout_s)

    def move(self, peers: Mapping[int, Address], timeout_s: float) -> None:
        """From the next ping on these are the other servers, where they are, and how long each has
        to answer, in seconds."""
        self._timeout_s = timeout_s
        for peer, known in list(self._peers.items()):
            if peers.get(peer) != known:
                del self._peers[peer], self._stubs[peer]
                self._tasks.spawn(self._channels.pop(peer).close())
        for peer, address in peers.items():
            if peer not in self._peers:
                self._peers[peer] = address
                channel = self._trust.aio_channel(str(address), CHANNEL_OPTIONS)
                self._channels[peer] = channel
                self._stubs[peer] = health_pb2_grpc.HealthServiceStub(channel)

    @property
    def waiting(self) -> int:
        """Pings that were not answered yet, and channels that are being closed."""
        return len(self._tasks)

    def ping(self, request: health_pb2.PingRequest) -> None:
        """Sends `request` to every peer, unless too many wait for their answers: a later one says
        all that and more."""
        if self._ended:
            return
        for peer in self._stubs:
            if len(self._tasks) < limits.PINGS_WAITING_MAX:
                self._tasks.spawn(self._ask(peer, request))

    async def end(self) -> None:
        """Nothing is asked or heard any more."""
        self._ended = True
        await self._tasks.end()
        await asyncio.gather(*(channel.close() for channel in self._channels.values()))

    async def _ask(self, peer: int, request: health_pb2.PingRequest) -> None:
        for _ in range(2):  # a process that is new to this server takes the first for a stranger's
            stub = self._stubs.get(peer)
            if stub is None:
                return  # the servers have changed their configuration meanwhile
            claim = self._peering.claim(peer, PING)
            call = stub.Ping(request, timeout=self._timeout_s, metadata=claim.metadata)
            code = await call.code()
            if code in _NO_ANSWER:
                return
            found = self._peering.check(claim, await call.initial_metadata())
            if found.answerer is Answerer.STRANGER:
                self._found(peer, found)
                return
            if found.answerer is Answerer.PEER:
                if code is grpc.StatusCode.OK:
                    self._pong(peer, await call, request.sent_at)
                return

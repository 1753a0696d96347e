"""Pinging: asks every other server how it is, each time that it is told to.

Belongs to the event loop. Each server has a channel of its own for it, so that no ping waits behind
what else is said, and on it a stream that stays open: with a call for each ping, and its proofs, an
idle server took 1.4 times as much. (And 1.15 times as much again from a thread with gRPC's other
stack: a call of that begins a thread and ends it.)
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

import grpc
from grpc import aio

from chat.config import Address
from chat.core import limits
from chat.rpc import health_pb2, health_pb2_grpc
from chat.server.memory import tell_if_lacking
from chat.server.peering import NO_PROOF, PING, PINGS, Answerer, Found, Peering
from chat.server.peers import CHANNEL_OPTIONS
from chat.server.tasks import Tasks, end_tasks
from chat.tls import Trust

_log = logging.getLogger(__name__)
# Made by gRPC here, or by a server whose disk does not answer: nobody may be at the other end.
_NO_ANSWER: Final = frozenset(
    (
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNAVAILABLE,
    )
)
_BROKEN: Final = (grpc.RpcError, asyncio.InvalidStateError, aio.UsageError)

Pong = Callable[[int, health_pb2.PingResponse, float], None]


class PingLine:
    """The pings to one peer. None waits for the answer to the one before, so that standing does not
    end where answers take long; while one cannot be written the newest of the next ones waits
    behind it, which says all that the others would have said and more."""

    def __init__(
        self,
        peer: int,
        address: Address,
        channel: aio.Channel,
        peering: Peering,
        pong: Pong,
        found: Callable[[int, Found], None],
    ) -> None:
        self.address = address
        self._peer = peer
        self._channel = channel
        self._stub: Any = health_pb2_grpc.HealthServiceStub(channel)
        self._peering = peering
        self._pong = pong
        self._found = found
        self._timeout_s = 0.0
        self._next: health_pb2.PingRequest | None = None
        self._wanted = asyncio.Event()
        self._call: Any = None  # the stream, or what is tried in its place
        # When those pings were sent whose answers have yet to come, in order.
        self._sent: deque[float] = deque()
        self._hearing = Tasks()  # on the stream that stood last, and on one that has just ended
        self._one_by_one = False  # the peer, of another version, answers no stream
        self._closed = False
        self._asking = asyncio.get_running_loop().create_task(self._ask_all())

    @property
    def waits(self) -> bool:
        """Whether a ping was not answered yet."""
        return self._next is not None or bool(self._sent)

    def ask(self, request: health_pb2.PingRequest, timeout_s: float) -> None:
        """Sends it. Gives up the stream where the first answer that is due is `timeout_s` late."""
        self._timeout_s = timeout_s
        self._next = request
        self._wanted.set()
        if self._sent and request.sent_at - self._sent[0] > timeout_s:
            # Not the call alone: of one that is cancelled before it has a connection gRPC never
            # says that it cannot be written to.
            self._asking.cancel()

    async def close(self) -> None:
        self._closed = True
        await end_tasks([self._asking])
        await self._hearing.end()
        self._hang_up()
        await self._channel.close()

    async def _ask_all(self) -> None:
        while True:
            try:
                await self._wanted.wait()
                self._wanted.clear()
                request, self._next = self._next, None
                assert request is not None
                await self._ask(request)
            except _BROKEN:
                self._hang_up()
            except asyncio.CancelledError:
                self._hang_up()
                if self._closed:
                    raise
            except Exception as error:
                # A line that ended here would leave two servers without a sign of life.
                if not tell_if_lacking(error):
                    _log.exception("a ping to %s failed in an unforeseen way", self.address)
                self._hang_up()

    def _hang_up(self) -> None:
        call, self._call = self._call, None
        self._sent.clear()
        if call is not None:
            call.cancel()

    async def _ask(self, request: health_pb2.PingRequest) -> None:
        if self._call is not None and self._call.done():
            self._hang_up()
        if self._one_by_one:
            await self._ask_alone(request)
        elif self._call is None:
            await self._ask_anew(request)
        elif len(self._sent) < limits.PINGS_WAITING_MAX:
            self._sent.append(request.sent_at)
            await self._call.write(request)

    async def _hear_all(self, call: Any) -> None:
        """The answers on one stream, until it ends or another has taken its place."""
        try:
            while (answer := await call.read()) is not aio.EOF and self._call is call:
                if not self._sent:
                    break  # nobody has asked
                self._pong(self._peer, answer, self._sent.popleft())
        except _BROKEN:
            # Where it has proven to be the peer and does not listen, it is of another version, and
            # says of which to everybody who asks once.
            self._one_by_one = await call.code() is grpc.StatusCode.UNAUTHENTICATED
        except asyncio.CancelledError:
            if self._closed:
                raise
        if self._call is call:
            self._hang_up()

    async def _ask_anew(self, request: health_pb2.PingRequest) -> None:
        """Nothing is written before the other has proven itself: where it ends the call meanwhile,
        a write that fails would take the place of what it says."""
        for _ in range(2):  # a process that is new to this server takes the first for a stranger's
            claim = self._peering.claim(self._peer, PINGS)
            self._call = call = self._stub.Pings(metadata=claim.metadata)
            self._sent.append(request.sent_at)
            found = self._peering.check(claim, await call.initial_metadata())
            if found.answerer is Answerer.PEER:
                self._hearing.spawn(self._hear_all(call))
                await call.write(request)
                return
            if found.words == NO_PROOF:
                code = await self._status_of(call)
                self._hang_up()
                if code not in _NO_ANSWER:
                    # gRPC may lose the first metadata of a stream that ends at once, and so the
                    # proof of a peer that does not know this process; those of one call it keeps.
                    self._one_by_one = code is grpc.StatusCode.UNIMPLEMENTED
                    await self._ask_alone(request)
                return
            self._hang_up()
            if self._answerer(found) is Answerer.STRANGER:
                return

    async def _status_of(self, call: Any) -> grpc.StatusCode | None:
        """None where the call goes on."""
        waiting = asyncio.ensure_future(call.code())
        await asyncio.wait([waiting], timeout=self._timeout_s / 2)
        if not waiting.done():
            waiting.cancel()
            return None
        code: grpc.StatusCode = waiting.result()
        return code

    async def _ask_alone(self, request: health_pb2.PingRequest) -> None:
        self._hang_up()
        for _ in range(2):  # as above
            claim = self._peering.claim(self._peer, PING)
            self._call = call = self._stub.Ping(
                request, timeout=self._timeout_s, metadata=claim.metadata
            )
            code = await call.code()
            if code in _NO_ANSWER:
                return
            answerer = self._answerer(self._peering.check(claim, await call.initial_metadata()))
            if answerer is Answerer.INTRODUCED:
                self._one_by_one = False  # the next one will see what that process has
                continue
            if answerer is Answerer.PEER and code is grpc.StatusCode.OK:
                self._pong(self._peer, await call, request.sent_at)
            return

    def _answerer(self, found: Found) -> Answerer:
        if found.answerer is Answerer.STRANGER:
            self._found(self._peer, found)
        return found.answerer


class Pinging:
    """`pong` gets a peer's id, its answer, which it has proven to be its own, and when it was
    asked; `found` gets the id of a peer and who answers in its place."""

    def __init__(
        self,
        peers: Mapping[int, Address],
        trust: Trust,
        peering: Peering,
        timeout_s: float,
        pong: Pong,
        found: Callable[[int, Found], None],
    ) -> None:
        self._trust = trust
        self._peering = peering
        self._timeout_s = timeout_s
        self._pong = pong
        self._found = found
        self._lines: dict[int, PingLine] = {}
        self._closing = Tasks()
        self._ended = False
        self.move(peers, timeout_s)

    def move(self, peers: Mapping[int, Address], timeout_s: float) -> None:
        """From the next ping on these are the other servers, where they are, and how long each has
        to answer, in seconds."""
        self._timeout_s = timeout_s
        for peer, line in list(self._lines.items()):
            if peers.get(peer) != line.address:
                self._closing.spawn(self._lines.pop(peer).close())
        for peer, address in peers.items():
            if peer not in self._lines:
                self._lines[peer] = self._line(peer, address)

    def _line(self, peer: int, address: Address) -> PingLine:
        channel = self._trust.aio_channel(str(address), CHANNEL_OPTIONS)
        return PingLine(peer, address, channel, self._peering, self._pong, self._found)

    @property
    def waiting(self) -> int:
        """Servers that have not answered yet, and channels that are being closed."""
        return sum(line.waits for line in self._lines.values()) + len(self._closing)

    def ping(self, request: health_pb2.PingRequest) -> None:
        """Sends `request` to every peer, or where it cannot be sent yet what is asked after it."""
        if self._ended:
            return
        for line in self._lines.values():
            line.ask(request, self._timeout_s)

    async def end(self) -> None:
        """Nothing is asked or heard any more."""
        self._ended = True
        await asyncio.gather(*(line.close() for line in self._lines.values()))
        await self._closing.end()

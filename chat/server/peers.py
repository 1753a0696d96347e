"""Peers: one outgoing stream to each other server, and the connect that asks whether one died.

Runs on the loop's thread. What is said while a peer is unreachable waits in a bounded
queue or is dropped: the replica says again what matters.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from functools import partial
from typing import Any, Final

import grpc
from grpc import aio

from chat.config import Address
from chat.core import limits
from chat.rpc import replication_pb2, replication_pb2_grpc
from chat.server.memory import tell_if_lacking
from chat.server.peering import CATCH_UP, REPLICATE, Answerer, Pairs, Peering
from chat.server.sockets import Target, all_refuse, resolve
from chat.server.tasks import end_tasks
from chat.tls import Trust

_log = logging.getLogger(__name__)

_QUEUED_MESSAGES_MAX: Final = 4_096
# An Append of the largest size, sent again each heartbeat of the vote period, and as much again.
_QUEUED_BYTES_MAX: Final = 16 * limits.APPEND_BYTES_MAX
_RECONNECT_WAIT_S: Final = 0.05
# Who is not the peer is not asked as often.
_STRANGER_WAIT_S: Final = 0.25
_FLUSH_TIMEOUT_S: Final = 0.5
# Peers are few and near: ask again soon, and do not take the kernel's word for silence.
CHANNEL_OPTIONS: Final = (
    ("grpc.initial_reconnect_backoff_ms", 50),
    # How long one attempt may take: two round trips, and a busy peer; not how long to wait.
    ("grpc.min_reconnect_backoff_ms", limits.PEER_KEEPALIVE_TIMEOUT_MS),
    ("grpc.max_reconnect_backoff_ms", 250),
    ("grpc.keepalive_time_ms", limits.PEER_KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", limits.PEER_KEEPALIVE_TIMEOUT_MS),
    ("grpc.http2.ping_timeout_ms", limits.PEER_KEEPALIVE_TIMEOUT_MS),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_send_message_length", limits.REPLICATION_MESSAGE_BYTES_MAX),
    ("grpc.max_receive_message_length", limits.REPLICATION_MESSAGE_BYTES_MAX),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
)


class StrangerError(ConnectionError):
    """Nobody at a peer's address has proven to be that peer."""


class PeerLink:
    """The stream to one peer, opened again whenever it breaks; `on_broken` hears of each end
    of a stream that once stood. It stands once the peer has proven to be at its other end:
    nothing is said before."""

    def __init__(
        self,
        peer: int,
        address: Address,
        trust: Trust,
        peering: Peering,
        on_broken: Callable[[], None],
    ) -> None:
        self._peer = peer
        self.address = address
        self._peering = peering
        self._on_broken = on_broken
        # Where the peer was when the stream last stood (None: that could not be looked up). A
        # name may lead elsewhere by now, to somebody who refuses; and of several addresses it
        # may listen at but one.
        self.pinned: tuple[Target, ...] | None = ()
        self._channel = trust.aio_channel(str(address), CHANNEL_OPTIONS)
        self._stub: Any = replication_pb2_grpc.ReplicationServiceStub(self._channel)
        self._queue: deque[replication_pb2.PeerMessage] = deque()
        self._queued_bytes = 0
        self._wake = asyncio.Event()
        self._stands = False
        self._closing = False  # what is queued is still written
        self._closed = False
        self._task = asyncio.get_running_loop().create_task(self._run())

    def send(self, message: replication_pb2.PeerMessage) -> None:
        """Drops the message while too much waits: the peer takes nothing, and what comes
        before would have to be said again first."""
        size = message.ByteSize()
        full = self._queued_bytes + size > _QUEUED_BYTES_MAX
        if full or len(self._queue) >= _QUEUED_MESSAGES_MAX:
            return
        self._queue.append(message)
        self._queued_bytes += size
        self._wake.set()

    def _take(self) -> replication_pb2.PeerMessage:
        message = self._queue.popleft()
        self._queued_bytes -= message.ByteSize()
        return message

    def _forget_queued(self) -> None:
        self._queue.clear()
        self._queued_bytes = 0

    async def catch_up(
        self, request: replication_pb2.CatchUpRequest
    ) -> AsyncGenerator[replication_pb2.CatchUpResponse, None]:
        """Raises grpc.RpcError when the peer refuses or goes, TimeoutError when it falls silent,
        StrangerError when somebody else answers."""
        opening = self._open(
            CATCH_UP, lambda metadata: self._stub.CatchUp(request, metadata=metadata, timeout=600.0)
        )
        call = await asyncio.wait_for(opening, limits.CATCH_UP_SILENCE_S)
        try:
            while True:
                response = await asyncio.wait_for(call.read(), limits.CATCH_UP_SILENCE_S)
                if response is grpc.aio.EOF:
                    return
                yield response
        finally:
            call.cancel()

    async def _open(self, method: str, start: Callable[[Pairs], Any]) -> Any:
        """A call, made by `start` with the metadata that it is given, whose other end has proven
        to be the peer and takes it for this server's. Raises StrangerError."""
        for _ in range(2):  # the first one may meet a new process, and learns its epoch
            claim = self._peering.claim(self._peer, method)
            call = start(claim.metadata)
            answerer = Answerer.STRANGER
            try:
                answerer = self._peering.check(claim, await call.initial_metadata()).answerer
            finally:
                if answerer is not Answerer.PEER:
                    call.cancel()
            if answerer is Answerer.PEER:
                return call
            if answerer is Answerer.STRANGER:
                break
        raise StrangerError(f"server {self._peer} did not prove itself at {self.address}")

    async def is_refused(self) -> bool:
        """Whether all refuses where the peer was last. It may die before the stream stood for
        the first time, when its pings have been answered already. Where it never was, a refusal
        says nothing of it: the address may be wrong."""
        if not self._peering.has_met(self._peer) or self.pinned is None:
            return False
        try:
            return await all_refuse(self.pinned or await resolve(self.address))
        except OSError:
            return False

    async def flush(self) -> None:
        """Returns once everything was written, or there is nobody to hear it."""
        self._closing = True
        self._wake.set()
        if self._stands:
            await asyncio.wait([self._task], timeout=_FLUSH_TIMEOUT_S)

    async def close(self) -> None:
        self._closed = True
        await end_tasks([self._task])
        await self._channel.close()

    async def _run(self) -> None:
        while not self._closing:
            call, wait_s = None, _RECONNECT_WAIT_S
            try:
                call = await self._open(REPLICATE, self._start_stream)
                self._stands = True
                self.pinned = await self._where()
                await self._write(call)
            except StrangerError:
                self._forget_queued()
                wait_s = _STRANGER_WAIT_S
            except (grpc.RpcError, asyncio.InvalidStateError, aio.UsageError, OSError):
                self._forget_queued()
            except asyncio.CancelledError:
                if self._closed:
                    raise
                self._forget_queued()  # so gRPC tells of a call that it gave up by itself
            except Exception as error:
                # A link that ended here would leave two servers of one view without words.
                if not tell_if_lacking(error):
                    _log.exception("the stream to %s failed in an unforeseen way", self.address)
                self._forget_queued()
            finally:
                if call is not None:
                    call.cancel()
            stood, self._stands = self._stands, False
            if self._closing:
                return
            if stood:
                self._on_broken()
            await asyncio.sleep(wait_s)

    async def _where(self) -> tuple[Target, ...] | None:
        """gRPC found the way, so a resolver that is down or slow must not stop the stream."""
        try:
            return await asyncio.wait_for(resolve(self.address), limits.RESOLVE_TIMEOUT_S)
        except (OSError, asyncio.TimeoutError):
            return None

    def _start_stream(self, metadata: Pairs) -> Any:
        call = self._stub.Replicate(metadata=metadata, wait_for_ready=True)
        call.add_done_callback(lambda _: self._wake.set())
        return call

    async def _write(self, call: Any) -> None:
        """Writes what is queued until the stream ends; at closing, ends the stream itself."""
        while not call.done():
            while self._queue:
                await call.write(self._take())
            if self._closing:
                await call.done_writing()
                await call
                return
            self._wake.clear()
            if not call.done() and not self._queue:
                await self._wake.wait()


class Peers:
    """The links to all other servers."""

    def __init__(
        self,
        addresses: Mapping[int, Address],
        trust: Trust,
        peering: Peering,
        on_broken: Callable[[int], None],
    ) -> None:
        self._trust = trust
        self._peering = peering
        self._on_broken = on_broken
        self._links: dict[int, PeerLink] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self.move(addresses)

    def move(self, addresses: Mapping[int, Address]) -> None:
        """From now on these are the other servers, and where they are."""
        for peer, link in list(self._links.items()):
            if addresses.get(peer) != link.address:
                task = asyncio.get_running_loop().create_task(self._links.pop(peer).close())
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)
        for peer, address in addresses.items():
            if peer not in self._links:
                self._links[peer] = self._link(peer, address)

    def _link(self, peer: int, address: Address) -> PeerLink:
        told = partial(self._on_broken, peer)
        return PeerLink(peer, address, self._trust, self._peering, told)

    def send(self, peer: int, message: replication_pb2.PeerMessage) -> None:
        """Nothing goes to a server that this one knows no address of."""
        link = self._links.get(peer)
        if link is not None:
            link.send(message)

    def catch_up(
        self, source: int, request: replication_pb2.CatchUpRequest
    ) -> AsyncGenerator[replication_pb2.CatchUpResponse, None]:
        return self._links[source].catch_up(request)

    async def is_refused(self, peer: int) -> bool:
        """Whether the operating system at the peer's exact address refuses a connection."""
        link = self._links.get(peer)
        return link is not None and await link.is_refused()

    async def flush(self) -> None:
        await asyncio.gather(*(link.flush() for link in self._links.values()))

    async def close(self) -> None:
        links = (link.close() for link in self._links.values())
        await asyncio.gather(*links, *self._closing)

"""LeaderElection: the thread that keeps time for the replica and pings every peer.

The replica itself lives on the event loop; this thread posts ticks and answers to it, so
that a slow network call never holds up anything, and a stalled loop vouches for nobody.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import grpc

from chat.config import Address
from chat.core import limits
from chat.rpc import health_pb2, health_pb2_grpc
from chat.server.peering import PING, Answerer, Claim, Found, Peering
from chat.server.peers import CHANNEL_OPTIONS
from chat.tls import Trust

_log = logging.getLogger(__name__)
_STOP: Final = None
# Made by gRPC here, or by a server whose disk does not answer: nobody may be at the other end.
_NO_ANSWER: Final = frozenset(
    (
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNAVAILABLE,
    )
)

Post = Callable[..., object]


class LeaderElection:
    """`post(function, *arguments)` runs a function on the event loop (call_soon_threadsafe).
    `tick` is posted, and answers in how many seconds it wants to be again, `tick_s` at the
    least; while the loop still owes one, none is posted;
    `pong` gets a peer's id, its answer, which it has proven to be its own, and when it was asked;
    `found` gets the id of a peer and who answers in its place. `ping` may be called from any
    thread."""

    def __init__(
        self,
        peers: Mapping[int, Address],
        trust: Trust,
        peering: Peering,
        tick_s: float,
        timeout_s: float,
        post: Post,
        tick: Callable[[], float],
        pong: Callable[[int, health_pb2.PingResponse, float], None],
        found: Callable[[int, Found], None],
    ) -> None:
        self._peering = peering
        self._tick_s = tick_s
        self._timeout_s = timeout_s
        self._post = post
        self._tick = tick
        self._pong = pong
        self._found = found
        self._trust = trust
        self._peers: dict[int, Address] = {}
        self._channels: dict[int, grpc.Channel] = {}
        self._stubs: dict[int, Any] = {}
        self._moved: Mapping[int, Address] | None = None
        self._move(peers)
        # Pings to send, and when (time.monotonic) the next tick is wanted.
        self._requests: queue.Queue[health_pb2.PingRequest | float | None]
        self._requests = queue.Queue(limits.PINGS_WAITING_MAX)
        self._tick_waits = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leader-election", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Joins the thread; must not be called while holding what `post` needs."""
        self._stopped.set()
        self._requests.put(_STOP)
        self._thread.join()
        for channel in self._channels.values():
            channel.close()

    def move(self, peers: Mapping[int, Address], tick_s: float, timeout_s: float) -> None:
        """From the next ping on these are the other servers, where they are, and the periods."""
        self._tick_s, self._timeout_s, self._moved = tick_s, timeout_s, dict(peers)

    def _move(self, peers: Mapping[int, Address]) -> None:
        stubs = dict(self._stubs)
        for peer, known in list(self._peers.items()):
            if peers.get(peer) != known:
                self._channels.pop(peer).close()
                del self._peers[peer], stubs[peer]
        for peer, address in peers.items():
            if peer not in self._peers:
                self._peers[peer] = address
                channel = self._channels[peer] = self._trust.channel(str(address), CHANNEL_OPTIONS)
                stubs[peer] = health_pb2_grpc.HealthServiceStub(channel)
        self._stubs = stubs

    def ping(self, request: health_pb2.PingRequest) -> None:
        """Sends `request` to every peer."""
        self._ask(request)

    def hurry(self) -> None:
        """Something has happened: the next tick is wanted at once."""
        self._ask(time.monotonic())

    def _ask(self, request: health_pb2.PingRequest | float) -> None:
        """Unless too much waits, which says the same."""
        with suppress(queue.Full):
            self._requests.put_nowait(request)

    def _run(self) -> None:
        next_tick = time.monotonic()
        while not self._stopped.is_set():
            wait_s = max(0.0, next_tick - time.monotonic())
            try:
                request = self._requests.get(timeout=wait_s)
            except queue.Empty:
                next_tick = time.monotonic() + self._tick_s
                self.step()
                continue
            if isinstance(request, float):
                next_tick = request
            elif request is not _STOP:
                self._send(request)

    def step(self) -> None:
        """Posts a tick unless the loop still owes the last one."""
        if not self._tick_waits.is_set():
            self._tick_waits.set()
            self._post_safely(self._run_tick)

    def _run_tick(self) -> None:
        self._tick_waits.clear()
        self._requests.put(time.monotonic() + self._tick())

    def _send(self, request: health_pb2.PingRequest) -> None:
        moved, self._moved = self._moved, None
        if moved is not None:
            self._move(moved)
        for peer in self._stubs:
            self._send_to(peer, request)

    def _send_to(self, peer: int, request: health_pb2.PingRequest) -> None:
        claim = self._peering.claim(peer, PING)
        stub = self._stubs.get(peer)
        if stub is None:
            return  # its first answer came when the servers had changed their configuration
        future = stub.Ping.future(request, timeout=self._timeout_s, metadata=claim.metadata)
        future.add_done_callback(lambda done: self._answered(claim, request, done))

    def _answered(self, claim: Claim, request: health_pb2.PingRequest, future: Any) -> None:
        if future.cancelled() or future.code() in _NO_ANSWER:
            return
        found = self._peering.check(claim, future.initial_metadata())
        if found.answerer is Answerer.STRANGER:
            self._post_safely(self._found, claim.peer, found)
        elif found.answerer is Answerer.INTRODUCED and not self._stopped.is_set():
            self._send_to(claim.peer, request)  # it took the first one for a stranger's
        elif future.code() is grpc.StatusCode.OK:
            self._post_safely(self._pong, claim.peer, future.result(), request.sent_at)

    def _post_safely(self, function: Callable[..., None], *arguments: object) -> None:
        """Nothing is posted any more once the loop is going away."""
        if self._stopped.is_set():
            return
        try:
            self._post(function, *arguments)
        except RuntimeError:
            _log.debug("the event loop is closed")

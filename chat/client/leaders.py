"""Where the leader is: one channel to each server, all asked in parallel; the highest view wins.

Called by every background thread of the session; `call` blocks, so never from Tk.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc

from chat import __version__
from chat.client.errors import Outdated, Unreachable
from chat.client.events import ClusterChanged, ServerInfo, VersionMismatch
from chat.config import ConfigError, parse_address
from chat.core.errors import ChatError, ClusterError
from chat.core.limits import CALL_TIMEOUT_S, RECONNECT_WAIT_MIN_S
from chat.rpc import chat_pb2
from chat.rpc.chat_pb2_grpc import ChatServiceStub
from chat.tls import Trust
from chat.wire import error_from_rpc

# An answer takes a few milliseconds; a server that needs longer is of no use as a leader.
ASK_TIMEOUT_S = 1.0
# Once a server says "I lead", the others get this long to report a newer view.
NEWER_VIEW_GRACE_S = 0.15
# While no server leads, one that has frozen must not hold up the next attempt.
SILENT_GRACE_S = 0.3
# A call that takes longer (a password's check takes as long) may be at a leader that has
# frozen: the others then tell whether one of them leads by now.
LATE_AFTER_S = 0.3
# While a view change runs (300 ms, median) trying less often would only add to it.
RETRY_WAIT_MAX_S = 0.5
_CHANNEL_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.enable_http_proxy", 0),
    # Whoever waits for a stream's next event waits in the library itself. gRPC's usual way takes
    # a thread more and looks ten times a second, a fifth of what an idle window costs.
    ("SingleThreadedUnaryStream", 1),
    # No probes of the network's capacity, one with every beat of the stream.
    ("grpc.http2.bdp_probe", 0),
)
_OUTDATED = "This client and the servers do not understand each other."
_ROLES = {
    chat_pb2.SERVER_ROLE_LEADER: "leader",
    chat_pb2.SERVER_ROLE_BACKUP: "backup",
    chat_pb2.SERVER_ROLE_RECOVERING: "recovering",
    chat_pb2.SERVER_ROLE_DOWN: "down",
    chat_pb2.SERVER_ROLE_OUT: "out",
}


@dataclass(frozen=True, slots=True)
class Leader:
    server_id: int
    address: str
    view: int


@dataclass(frozen=True, slots=True)
class Survey:
    """What the servers answered. `leader` is None when none of them knows one; `quorum` says
    whether it may accept writes."""

    leader: Leader | None = None
    up: int = 0
    configured: int = 0
    quorum: bool = False


def error_of(error: grpc.RpcError) -> ChatError:
    """The error of a failed call; Unreachable unless a server reported it itself."""
    return error_from_rpc(error) or Unreachable("No server answered.")


def metadata_of(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),) if token else ()


class Leaders:
    """Channels are created once and reused. `publish` receives what the servers report about
    themselves.

    Beyond that nothing is asked of a server until it has declared this client's version compatible;
    once one has declined, no server is asked for anything.
    """

    def __init__(
        self,
        servers: Sequence[str],
        publish: Callable[[ClusterChanged | VersionMismatch], None],
        trust: Trust | None = None,
    ) -> None:
        self._trust = trust or Trust()
        self._servers = tuple(servers)
        self._named: tuple[str, ...] = ()  # by the servers themselves, which may have changed
        self._publish = publish
        # Guards the fields below; a leaf, never held over a call.
        self._lock = threading.Lock()
        self._channels: dict[str, grpc.Channel] = {}
        self._stubs: dict[str, ChatServiceStub] = {}
        self._current: Leader | None = None
        self._cluster: ClusterChanged | None = None
        self._compatible: set[str] = set()  # addresses, until they fail
        self._outdated = False
        self._moves = 0  # what was asked before the last one is about others
        self.closed = threading.Event()

    def close(self) -> None:
        """Ends every call in flight, whoever is waiting for it."""
        self.closed.set()
        with self._lock:
            channels, self._channels = self._channels, {}
            self._stubs = {}
        for channel in channels.values():
            channel.close()

    def move(self, servers: Sequence[str], trust: Trust) -> None:
        """To the servers of another cluster; nothing is known of them yet. Calls to those of
        before end."""
        with self._lock:
            channels, self._channels = self._channels, {}
            self._stubs = {}
            self._servers, self._named, self._trust = tuple(servers), (), trust
            self._moves += 1
            self._current = self._cluster = None
            self._compatible, self._outdated = set(), False
        for channel in channels.values():
            channel.close()

    def stub(self, address: str) -> ChatServiceStub:
        """Unreachable after `close`, Outdated once a server has said so."""
        with self._lock:
            if self.closed.is_set():
                raise Unreachable("The client is closing.")
            if self._outdated:
                raise Outdated(_OUTDATED)
            if address not in self._stubs:
                channel = self._trust.channel(address, _CHANNEL_OPTIONS)
                self._channels[address] = channel
                self._stubs[address] = ChatServiceStub(channel)
            return self._stubs[address]

    @property
    def current(self) -> Leader | None:
        """The last leader found, unless it has failed since."""
        return self._current

    def forget(self, leader: Leader) -> None:
        """It failed to answer as a leader: ask again before the next call."""
        with self._lock:
            if self._current == leader:
                self._current = None
            self._compatible.discard(leader.address)  # another program may start there

    def ask_leader(self) -> Survey:
        """What the last leader found reports about all servers; same as `find` if it no longer
        leads."""
        moves, leader = self._moves, self._current
        answers = {} if leader is None or self._outdated else self._ask((leader.address,))
        answer = answers.get(leader.address) if leader else None
        if leader is None or answer is None or answer.leader_address != leader.address:
            return self.find()
        return self._survey(answers, moves)

    def find(self) -> Survey:
        """Ask every server at once, those that are configured here and those that the leader has
        named; takes at most ASK_TIMEOUT_S."""
        moves, known = self._moves, dict.fromkeys((*self._named, *self._servers))
        return self._survey({} if self._outdated else self._ask(tuple(known)), moves)

    def _survey(self, answers: dict[str, chat_pb2.GetLeaderInfoResponse], moves: int) -> Survey:
        leading = [
            (answer.view, answer.leader_address == address, answer)
            for address, answer in answers.items()
            if answer.leader_id
        ]
        # Of the newest view, and in it what the leader says of itself.
        best = max(leading, key=lambda claim: claim[:2], default=(0, False, None))[2]
        leader = Leader(best.leader_id, best.leader_address, best.view) if best else None
        with self._lock:
            if moves != self._moves:
                return Survey()
            self._current = leader or self._current
        self._announce(best or next(iter(answers.values()), None))
        if best is not None:
            named = (each.address for each in best.servers)
            self._named = tuple(address for address in named if self._may_ask(address))
        servers = self._named or self._servers
        up = sum(address in answers for address in servers)
        quorum = best is not None and best.quorum_available
        return Survey(leader, up, len(servers), quorum)

    def _may_ask(self, address: str) -> bool:
        """Nothing is said in the clear to another computer, whoever names it."""
        try:
            return self._trust.certificate is not None or parse_address(address).is_loopback
        except ConfigError:
            return False

    def check_version(self, stub: Any, address: str) -> None:
        """Raises Outdated when that server does not understand this client, or grpc.RpcError."""
        if address in self._compatible:
            return
        request = chat_pb2.CheckVersionRequest(version=__version__)
        answer = stub.CheckVersion(request, timeout=ASK_TIMEOUT_S)
        with self._lock:
            if answer.compatible:
                self._compatible.add(address)
                return
            known, self._outdated = self._outdated, True
        if not known:
            needed = answer.minimum_client_version
            self._publish(VersionMismatch(__version__, answer.server_version, needed))
        raise Outdated(_OUTDATED)

    def call(self, method: str, request: Any, token: str = "", within_s: float = 10.0) -> Any:
        """One unary call to the leader, wherever leadership moves. The request must be safe to
        repeat. Raises ChatError: the caller's errors at once, the cluster's after `within_s`."""
        until = time.monotonic() + within_s
        wait = RECONNECT_WAIT_MIN_S
        while True:
            try:
                timeout_s = max(0.1, min(CALL_TIMEOUT_S, until - time.monotonic()))
                return self.attempt(method, request, token, timeout_s)
            except ClusterError as error:
                if time.monotonic() + wait >= until:
                    raise
                if self.closed.wait(wait * random.uniform(0.5, 1.0)):
                    raise Unreachable("The client is closing.") from error
            wait = min(2 * wait, RETRY_WAIT_MAX_S)

    def attempt(
        self, method: str, request: Any, token: str, timeout_s: float,
        still_waits: Callable[[Any], bool] = lambda _stub: False,
    ) -> Any:  # fmt: skip
        """One call to the leader. While the answer is late, `still_waits` is asked repeatedly, with
        the leader's stub, whether that is as it should be; whatever it raises ends the call."""
        leader = self._current or self.find().leader
        if leader is None:
            raise Outdated(_OUTDATED) if self._outdated else Unreachable("No server leads.")
        stub = self.stub(leader.address)
        try:
            self.check_version(stub, leader.address)
            invoke: Any = getattr(stub, method)
            pending = invoke.future(request, timeout=timeout_s, metadata=metadata_of(token))
            try:
                return self._answer(pending, leader, lambda: still_waits(stub))
            finally:
                pending.cancel()  # if it is given up
        except grpc.RpcError as failure:
            error = error_of(failure)
            if isinstance(error, ClusterError):
                self.forget(leader)
            raise error from failure
        except (ValueError, grpc.FutureCancelledError) as failure:  # the channel was closed
            raise Unreachable("The client is closing.") from failure

    def _answer(self, pending: Any, leader: Leader, still_waits: Callable[[], bool]) -> Any:
        """The call's result. The call is abandoned once another server leads, so that a frozen
        leader holds nobody up longer than it holds up the other servers. Its deadline ends the
        rest."""
        while True:
            try:
                return pending.result(timeout=LATE_AFTER_S)
            except grpc.FutureTimeoutError:
                if still_waits():
                    continue
                if supersedes(self.find().leader, leader) and pending.cancel():
                    raise Unreachable("Another server leads by now.") from None

    # --- asking ---------------------------------------------------------------------

    def _ask(self, addresses: Sequence[str]) -> dict[str, chat_pb2.GetLeaderInfoResponse]:
        answered = threading.Condition()
        futures: dict[str, Any] = {}

        def wake(_: object) -> None:
            with answered:
                answered.notify()

        try:
            for address in addresses:
                request = chat_pb2.GetLeaderInfoRequest()
                ask: Any = self.stub(address).GetLeaderInfo
                futures[address] = ask.future(request, timeout=ASK_TIMEOUT_S)
        except (Unreachable, ValueError):  # closing
            return {}
        for future in futures.values():
            future.add_done_callback(wake)
        until = time.monotonic() + ASK_TIMEOUT_S
        with answered:
            while not all(future.done() for future in futures.values()):
                found = _answers(futures)
                if found:
                    grace = NEWER_VIEW_GRACE_S if _claimed(found) else SILENT_GRACE_S
                    until = min(until, time.monotonic() + grace)
                remaining = until - time.monotonic()
                if remaining <= 0:
                    break
                answered.wait(remaining)
        answers = _answers(futures)
        for future in futures.values():
            future.cancel()
        return answers

    def _announce(self, answer: chat_pb2.GetLeaderInfoResponse | None) -> None:
        if answer is not None:
            cluster = ClusterChanged(
                answer.leader_id,
                answer.view,
                answer.quorum_available,
                tuple(_server_info(server) for server in answer.servers),
                answer.longest_gap_ms,
                answer.keep_messages_days,
            )
        else:
            known = self._cluster.servers if self._cluster else ()
            cluster = ClusterChanged(0, 0, False, tuple(_unknown(server) for server in known))
        with self._lock:
            self._cluster = cluster
        self._publish(cluster)


def supersedes(found: Leader | None, leader: Leader) -> bool:
    """Whether the servers follow another leader by now; one that was left behind may not know
    it."""
    return found is not None and found.server_id != leader.server_id and found.view >= leader.view


def _answers(futures: dict[str, Any]) -> dict[str, chat_pb2.GetLeaderInfoResponse]:
    return {
        address: future.result()
        for address, future in futures.items()
        if future.done() and not future.cancelled() and future.exception() is None
    }


def _claimed(answers: dict[str, chat_pb2.GetLeaderInfoResponse]) -> bool:
    """Whether any server claims to lead."""
    return any(answer.leader_address == address for address, answer in answers.items())


def _server_info(server: chat_pb2.ServerInfo) -> ServerInfo:
    return ServerInfo(
        server.server_id,
        server.address,
        _ROLES.get(server.role, "unknown"),
        server.view,
        server.log_index,
        server.last_contact_ms,
        server.detail,
    )


def _unknown(server: ServerInfo) -> ServerInfo:
    return ServerInfo(server.server_id, server.address, "unknown", server.view, 0, -1, "")

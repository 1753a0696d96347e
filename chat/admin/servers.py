"""Servers: the cluster as the command sees it; a change survives the death of the leader."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import grpc

from chat.config import Address, Config, parse_address
from chat.core.errors import ClusterError
from chat.rpc import admin_pb2, admin_pb2_grpc
from chat.server.key_holder import KeyHolder, Refused
from chat.server.peering import Claim
from chat.wire import error_from_rpc

_SERVICE: Final = "/chat.admin.v1.AdminService/"
# A failover takes three seconds at the worst, a full view change a few more.
PATIENCE_S: Final = 30.0
_CALL_TIMEOUT_S: Final = 12.0  # longer than a write may wait for the backups
_STATUS_TIMEOUT_S: Final = 2.0
_PAUSE_S: Final = 0.2
_PASSING: Final = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
)


@dataclass(frozen=True, slots=True)
class Visited:
    """A server, and how it says it is; None = it did not answer."""

    server_id: int
    address: Address
    status: admin_pb2.GetStatusResponse | None


class Servers:
    """Raises Refused, ConfigError, and the ChatError that a call came to."""

    def __init__(self, config: Config) -> None:
        self._known = dict(config.servers)
        self._holder = KeyHolder(config)

    def ask(self, method: str, request: Any) -> Any:
        """The leader's answer, whichever server leads by then. What changes something bears an id
        in its request, so it may be asked again."""
        until = time.monotonic() + PATIENCE_S
        while True:
            found = self._holder.find_leader(self._known.values())
            if found is not None:
                try:
                    return self._call(*found, method, request, _CALL_TIMEOUT_S)
                except grpc.RpcError as error:
                    _raise_unless_it_may_pass(error)
            if time.monotonic() > until:
                raise Refused(_IN_VAIN if found is None else _NOT_IN_TIME)
            time.sleep(_PAUSE_S)

    def stream(self, method: str, request: Any) -> Iterator[Any]:
        """What the leader answers, piece by piece. Where it ends too soon, ask again."""
        found = self._holder.find_leader(self._known.values())
        if found is None:
            raise Refused(_IN_VAIN)
        server_id, address = found
        with self._holder.channel(address) as channel:
            stub = getattr(admin_pb2_grpc.AdminServiceStub(channel), method)

            def call(claim: Claim) -> Any:
                return stub(request, metadata=claim.metadata)

            try:
                yield from self._holder.proven(server_id, address, _SERVICE + method, call)
            except grpc.RpcError as error:
                known = error_from_rpc(error)
                words = known.message if known else getattr(error, "details", lambda: "")()
                raise Refused(f"Server {server_id} did not answer to the end ({words}).") from None

    def all_of(self, method: str, request: Any, items: str) -> Iterator[Any]:
        """What is in the field `items` of each page."""
        while True:
            page = self.ask(method, request)
            yield from getattr(page, items)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def look(self) -> list[Visited]:
        """Each server that is configured, or that one of them tells of."""
        waiting, seen = dict(self._known), dict[int, Visited]()
        while waiting:
            server_id = min(waiting)
            address = waiting.pop(server_id)
            status = self._status(server_id, address)
            seen[server_id] = Visited(server_id, address, status)
            for other in status.cluster.servers if status is not None else ():
                if other.server_id not in seen and other.address:
                    waiting.setdefault(other.server_id, parse_address(other.address))
        return [seen[server_id] for server_id in sorted(seen)]

    def _status(self, server_id: int, address: Address) -> admin_pb2.GetStatusResponse | None:
        request = admin_pb2.GetStatusRequest()
        try:
            found = self._call(server_id, address, "GetStatus", request, _STATUS_TIMEOUT_S)
        except grpc.RpcError:
            return None
        assert isinstance(found, admin_pb2.GetStatusResponse)
        return found

    def _call(
        self, server_id: int, address: Address, method: str, request: Any, timeout_s: float
    ) -> Any:
        with self._holder.channel(address) as channel:
            stub: Callable[..., Any] = getattr(admin_pb2_grpc.AdminServiceStub(channel), method)

            def call(claim: Claim) -> Any:
                return stub.future(  # type: ignore[attr-defined]
                    request, metadata=claim.metadata, timeout=timeout_s
                )

            return self._holder.proven(server_id, address, _SERVICE + method, call).result()


_IN_VAIN: Final = (
    "No server leads, or none answers: nothing was changed (when nobody serves, see "
    "docs/OPERATIONS.md)."
)
_NOT_IN_TIME: Final = (
    "The servers did not confirm it in time: it may still come to pass. Look at `audit` before you "
    "ask again."
)


def _raise_unless_it_may_pass(error: grpc.RpcError) -> None:
    known = error_from_rpc(error)
    if isinstance(known, ClusterError):
        return
    if known is not None:
        raise known from None
    code = getattr(error, "code", lambda: None)()
    if code not in _PASSING:
        details = getattr(error, "details", lambda: "the connection broke")()
        raise Refused(f"The server refuses it: {details}") from None

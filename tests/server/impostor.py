"""Impostor: a program without the cluster's key that listens where a server should be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import grpc

from chat.rpc import health_pb2, replication_pb2
from chat.server.peering import SERVERS_VERSION
from tests.people import DEADLINE_S

Pairs = tuple[tuple[str, str | bytes], ...]
PING = "/chat.v1.HealthService/Ping"
PINGS = "/chat.v1.HealthService/Pings"
REPLICATE = "/chat.v1.ReplicationService/Replicate"
CATCH_UP = "/chat.v1.ReplicationService/CatchUp"


@dataclass(frozen=True)
class Captured:
    """One call as the impostor saw it; `messages` grow while it lasts."""

    method: str
    metadata: Pairs
    messages: list[bytes] = field(default_factory=list)


def forged_report(server_id: int) -> replication_pb2.PeerReport:
    """Of a server that leads a view of its own, newer than any."""
    report = replication_pb2.PeerReport(incarnation=7, serving=True, sure=True)
    report.status = replication_pb2.REPLICA_STATUS_ACTIVE
    report.promised_kind = replication_pb2.CHANGE_KIND_COLD
    for view in (report.installed, report.promised):
        view.number.number, view.number.proposer = 99, server_id
        view.cluster_id = "forged"
        view.members.add(server_id=server_id, incarnation=7)
    report.last.index = 99
    return report


class Impostor(grpc.GenericRpcHandler):
    """Answers every call of a server as if it were `server_id`, with `answer(call)` as its first
    metadata, and keeps all that it is told. A context manager."""

    def __init__(
        self, server_id: int, address: str, answer: Callable[[Captured], Pairs] | None = None
    ) -> None:
        self.calls: list[Captured] = []
        self._server_id = server_id
        self._answer = answer or (lambda _call: ())
        self._pool = ThreadPoolExecutor(20)
        self._server = grpc.server(self._pool, handlers=[self], options=(("grpc.so_reuseport", 0),))
        self._server.add_insecure_port(address)

    def __enter__(self) -> Impostor:
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.stop(0).wait(DEADLINE_S)
        self._pool.shutdown()

    def of(self, method: str) -> list[Captured]:
        return [call for call in self.calls if call.method == method]

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        pairs = tuple((key, value) for key, value in details.invocation_metadata or ())
        call = Captured(details.method, pairs)

        def serve(messages: Iterator[bytes], context: Any) -> Iterator[bytes]:
            self.calls.append(call)
            context.send_initial_metadata(self._answer(call))
            if call.method in (PING, PINGS):
                for message in messages:
                    call.messages.append(message)
                    yield self._pong(message)
            elif call.method == CATCH_UP:
                call.messages.append(next(messages))
                yield from _forged_parts()
            else:
                call.messages.extend(messages)

        return grpc.stream_stream_rpc_method_handler(serve)

    def _pong(self, request: bytes) -> bytes:
        ping = health_pb2.PingRequest.FromString(request)
        pong = health_pb2.PingResponse(
            alive=True,
            server_id=self._server_id,
            view=99,
            version=SERVERS_VERSION,
            report=forged_report(self._server_id),
            echo=ping.sent_at,
        )
        return pong.SerializeToString()


def _forged_parts() -> Iterator[bytes]:
    chunk = replication_pb2.SnapshotChunk(data=b'{"forged": true}')
    yield replication_pb2.CatchUpResponse(snapshot=chunk).SerializeToString()
    end = replication_pb2.CatchUpEnd(commit=99)
    yield replication_pb2.CatchUpResponse(end=end).SerializeToString()

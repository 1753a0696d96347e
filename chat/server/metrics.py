"""Metrics: what Prometheus asks for, at an address of its own. Off unless `metrics` says where.

A thread of its own answers one question after the other. What it tells is read on the event loop,
at that moment: between two questions nothing is done but to count and time calls.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from socketserver import TCPServer
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from chat.config import Address
from chat.core import limits
from chat.system import REUSES_ADDRESSES_SAFELY

_log = logging.getLogger(__name__)

# gRFC A66, "Metrics": the bounds of call durations, in seconds.
_DURATIONS_S: Final = (
    0, 0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006,
    0.008, 0.01, 0.013, 0.016, 0.02, 0.025, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16, 0.2,
    0.25, 0.3, 0.4, 0.5, 0.65, 0.8, 1, 2, 5, 10, 20, 50, 100,
)  # fmt: skip
_COMMITS_S: Final = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5,
                     1, 2, 4, 8)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reading:
    """One number, or one for each value of a label. `counts`: it only ever grows."""

    name: str
    help: str
    values: Iterable[tuple[str, float]]  # by label; "" where there is none
    label: str = ""
    counts: bool = False

    def metric(self) -> Metric:
        kind = CounterMetricFamily if self.counts else GaugeMetricFamily
        family = kind(self.name, self.help, labels=[self.label] if self.label else None)
        for label, value in self.values:
            family.add_metric([label] if self.label else [], value)
        return family


class Metrics:
    """`read` is called on `loop`. `start` and `stop` too."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, read: Callable[[], list[Reading]], server_id: int
    ) -> None:
        self._loop = loop
        self._read = read
        self._server: WSGIServer | None = None
        self._thread: threading.Thread | None = None
        self._registry = CollectorRegistry(target_info={"server": str(server_id)})
        ProcessCollector(registry=self._registry)
        self._registry.register(_Readings(self._ask))
        method = ("grpc_method",)
        self._started = Counter("grpc_server_call_started", "Calls that began.", method,
                                registry=self._registry)  # fmt: skip
        self._duration = Histogram(
            "grpc_server_call_duration_seconds", "From a call's first byte to its end.",
            (*method, "grpc_status"), buckets=_DURATIONS_S, registry=self._registry,
        )  # fmt: skip
        self._commits = Histogram(
            "chat_commit_seconds", "From a write until it is on the disk of every member.",
            buckets=_COMMITS_S, registry=self._registry,
        )  # fmt: skip
        self.committed: Callable[[float], None] = self._commits.observe

    # --- for CallWatch ------------------------------------------------------------------

    def began(self, method: str) -> None:
        self._started.labels(method).inc()

    def ended(self, method: str, status: str, seconds: float) -> None:
        self._duration.labels(method, status).observe(seconds)

    # --- its own thread -----------------------------------------------------------------

    def start(self, address: Address) -> None:
        """A server that cannot be watched serves all the same: a warning says why."""
        kind = _ServerOfSix if ":" in address.host else _Server
        app = make_wsgi_app(self._registry)
        try:
            self._server = make_server(address.host, address.port, app, kind, _Handler)
        except OSError as error:
            _log.warning("no metrics: %s cannot be listened on (%s)", address, error.strerror)
            return
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="metrics", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """0 where it does not answer."""
        return int(self._server.server_address[1]) if self._server is not None else 0

    def stop(self) -> None:
        """Blocks for at most one answer, which may have to wait for the loop: off it."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def _ask(self) -> list[Reading]:
        """Nothing where the loop does not answer in time: that there is nothing says it."""
        answer: concurrent.futures.Future[list[Reading]] = concurrent.futures.Future()

        def read() -> None:
            try:
                answer.set_result(self._read())
            except Exception as error:
                answer.set_exception(error)

        try:
            self._loop.call_soon_threadsafe(read)
            return answer.result(limits.METRICS_WAIT_S)
        except (RuntimeError, concurrent.futures.TimeoutError):
            return []  # the loop is closed, or stands still


class _Readings(Collector):
    def __init__(self, ask: Callable[[], list[Reading]]) -> None:
        self._ask = ask

    def describe(self) -> Iterable[Metric]:
        """None beforehand: they are read when they are asked for."""
        return ()

    def collect(self) -> Iterable[Metric]:
        return [reading.metric() for reading in self._ask()]


class _Server(WSGIServer):
    allow_reuse_address = REUSES_ADDRESSES_SAFELY

    def server_bind(self) -> None:
        """Without looking for the name of this computer, which may take seconds."""
        TCPServer.server_bind(self)
        self.server_name = str(self.server_address[0])
        self.server_port = int(self.server_address[1])
        self.setup_environ()


class _ServerOfSix(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    """Whoever sends no question, or takes no answer, holds up the next one only so long."""

    timeout = limits.METRICS_WAIT_S

    def log_message(self, *_: Any) -> None:
        """No line for each question."""

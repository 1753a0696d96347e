"""Options: what is set of a server beside its configuration, and of gRPC for all servers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chat.config import Address
from chat.core import limits
from chat.server.peering import SERVERS_VERSION
from chat.server.timekeeper import wall_ms


class StartError(Exception):
    """The server cannot start: one sentence that says why and what to do."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line (or a test) may set beside the configuration."""

    listen: Address | None = None  # None = the configured address
    data_dir: Path | None = None  # None = the configured folder
    metrics: Address | None = None  # None = as configured, which may be nowhere
    config_file: Path | None = None  # to be kept true when the servers change it
    join: bool = False
    force_new_view: bool = False
    bcrypt_cost: int = limits.BCRYPT_COST
    first_start_ms: int = limits.FIRST_START_WAIT_MS
    version: str = SERVERS_VERSION
    wall_ms: Callable[[], int] = wall_ms
    # Where this server finds others that are not at their configured addresses.
    reach: Mapping[int, Address] = field(default_factory=dict)


def grpc_options(connections: int) -> list[tuple[str, int]]:
    return [
        # By default two servers would share one port in silence.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", limits.RECEIVED_BYTES_MAX),
        ("grpc.max_metadata_size", limits.METADATA_BYTES_MAX),
        # Clients and peers may ping often to notice a dead server early; a little less than
        # the peers' period, because their clocks and ours are read at different times.
        ("grpc.http2.min_ping_interval_without_data_ms", limits.PEER_KEEPALIVE_MS // 2),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.keepalive_time_ms", limits.CLIENT_KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", limits.CLIENT_KEEPALIVE_TIMEOUT_MS),
        ("grpc.http2.ping_timeout_ms", limits.CLIENT_KEEPALIVE_TIMEOUT_MS),
        ("grpc.max_concurrent_streams", limits.STREAMS_PER_CONNECTION_MAX),
        ("grpc.server.max_pending_requests", limits.CALLS_UNSEEN_MAX),
        ("grpc.server.max_pending_requests_hard_limit", limits.CALLS_UNSEEN_HARD_MAX),
        ("grpc.max_allowed_incoming_connections", connections),
        ("grpc.server_handshake_timeout_ms", limits.HELLO_TIMEOUT_MS),
        ("grpc.max_connection_idle_ms", limits.CONNECTION_IDLE_MS),
    ]

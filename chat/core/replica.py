"""Replica: the replication protocol as a pure state machine, (event, now) -> effects.

One caller at a time; it knows nothing of files, sockets, clocks or chat.
"""

from __future__ import annotations

from dataclasses import dataclass

from chat.core.messages import (
    CatchUp, Durable, Effects, Entry, Message, Ping, Pong, Position, Report,
)
from chat.core.operations import Operation


@dataclass(frozen=True, slots=True)
class Rules:
    """The options of the protocol (config.json). Periods are seconds."""

    configured: tuple[int, ...]
    survivors: bool = True          # quorum: "survivors", else "majority"
    rejoin: bool = True             # rejoin: "automatic", or --join was given
    trust_refusals: bool = True
    heartbeat_s: float = 0.25
    out_s: float = 1.0
    vote_s: float = 2.0
    attempt_s: float = 2.0
    first_start_s: float = 10.0
    force_new_view: bool = False    # --force-new-view, the operator's word


class Replica:
    def __init__(self, server_id: int, incarnation: int, rules: Rules, durable: Durable, now: float) -> None: ...

    # -- queries (no effects) --
    leads: bool            # serving leader: may take writes
    commit: int
    def may_read(self, now: float) -> bool: ...          # leads and the read lease holds (rule 9)
    def report(self) -> Report: ...
    def ping(self, now: float) -> Ping: ...              # what the election thread sends to every peer
    def entries_after(self, after: int, committed_only: bool, limit: int) -> tuple[Entry, ...] | None: ...  # None: needs a snapshot
    def may_serve_catch_up(self, peer: int, incarnation: int, view) -> Position | None: ...

    # -- events --
    def tick(self, now: float) -> Effects: ...
    def propose(self, operations: list[Operation], now: float) -> Effects: ...  # leader: appended, or held while a view change runs
    def received(self, sender: int, incarnation: int, message: Message, now: float) -> Effects: ...
    def ping_received(self, sender: int, incarnation: int, ping: Ping, now: float) -> tuple[Pong, Effects]: ...
    def pong_received(self, sender: int, pong: Pong, now: float) -> Effects: ...
    def stream_broken(self, peer: int, now: float) -> Effects: ...     # asks for a probe
    def refused(self, peer: int, incarnation: int, now: float) -> Effects: ...  # one refused connect at the exact address
    def synced(self, ticket: int, now: float) -> Effects: ...
    def caught_up(self, ticket: int, snapshot_index: Position | None, entries: tuple[Entry, ...], commit: int, now: float) -> Effects: ...
    def catch_up_failed(self, ticket: int, now: float) -> Effects: ...
    def shut_down(self, now: float) -> Effects: ...      # fence, then Farewell to everyone

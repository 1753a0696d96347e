"""State: everything that there is at one moment of an explored cluster, as plain values.

What may still happen are events: due ones wait in the queue of the server that they happen to,
late ones may happen at any time, or never.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

Pair = tuple[int, int]
Action = tuple[Any, ...]
STEP_S = 1.0  # by which time passes
UNLIMITED = -1


class OutsideTheModel(Exception):
    """Nothing is promised for what happened on this path: it is not gone on with."""


class Event(NamedTuple):
    """`to_incarnation` 0: whichever process is there when it comes."""

    kind: str
    to: int
    to_incarnation: int
    sender: int
    incarnation: int
    what: Any = None

    def __str__(self) -> str:
        name = type(self.what).__name__ if self.kind == "message" else self.kind
        return f"{name} {self.sender}→{self.to}" if self.sender != self.to else f"{name} {self.to}"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How often each thing may happen on one path, beyond what happens by itself. The search is
    exhaustive within them: each may happen at every moment, in every combination."""

    epochs: int = UNLIMITED  # how often time passes
    writes: int = 0
    crashes: int = 0
    power: int = 0  # crashes of whole machines: no connection to them is refused
    restarts: int = UNLIMITED
    stops: int = 0  # clean ends, with a farewell
    lates: int = 0  # words, syncs and answers that come late or never
    doubles: int = 0  # words that come twice
    pauses: int = 0
    cuts: int = 0  # of one direction, of a pair or of one server from all others
    refusals: int = 0  # false proofs: a firewall that refuses for a living server
    resets: int = 0  # streams that break by chance
    late: frozenset[str] = frozenset({"message", "sync", "pull", "pulled", "refused", "broken"})
    at_rest: frozenset[str] = frozenset(
        {"start", "stop", "pause", "resume", "cut", "heal", "refuse", "reset"}
    )  # actions that happen only when nothing is due, all others at any moment
    snapshots: bool = False  # a catch-up brings a snapshot where entries would do, too
    cut_shapes: tuple[str, ...] = ("server", "pair", "way")


BUDGETS = ("epochs", "writes", "crashes", "power", "restarts", "stops", "lates", "doubles",
           "pauses", "cuts", "refusals", "resets")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Server:
    """One computer: its disk and, while `runs`, a process."""

    frozen: bytes
    incarnation: int = 0
    starts: int = 0
    runs: bool = False
    powered: bool = True
    paused: bool = False
    leads: bool = False  # takes writes
    serves: bool = False
    active: bool = False
    unsynced: int = 0  # records
    written: bytes = b""  # its canonical form

    @property
    def acts(self) -> bool:
        return self.runs and not self.paused


@dataclass(frozen=True, slots=True)
class State:
    now: float
    servers: tuple[Server, ...]
    queues: tuple[tuple[Event, ...], ...]
    late: tuple[Event, ...]
    oracle: bytes
    oracle_written: bytes
    committed: int  # entries that any server has applied
    left: tuple[int, ...]  # of the budgets, by their order
    cuts: frozenset[Pair] = frozenset()
    walls: frozenset[Pair] = frozenset()
    key: bytes = field(default=b"", compare=False)

    def server(self, number: int) -> Server:
        return self.servers[number - 1]

    @property
    def turn(self) -> int:
        """The server to which the next event happens; 0 when nothing is due: time would pass."""
        for number, (server, queue) in enumerate(zip(self.servers, self.queues, strict=True), 1):
            if server.acts and queue:
                return number
        return 0

    def has(self, budget: str) -> int:
        return self.left[BUDGETS.index(budget)]

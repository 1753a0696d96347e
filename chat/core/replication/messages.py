"""What servers say to each other and what a replica wants done: values, no behaviour.

`docs/PROTOCOL.md` gives the rules. Times are seconds on the local clock of
whoever wrote them and are never compared across machines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Union

from chat.core.replication.chain import UNKNOWN
from chat.core.replication.leadership import EMPTY_VIEW, NO_VIEW, ChangeKind, View, ViewNumber
from chat.core.state.form import operation_text
from chat.core.state.operations import Operation


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the log: the index of an entry and the view that wrote it. The link is of no
    account when places are compared: where it differs, histories do (rule 12)."""

    index: int = 0
    view: ViewNumber = NO_VIEW
    link: bytes = field(default=UNKNOWN, compare=False)


@dataclass(frozen=True, slots=True)
class Entry:
    index: int
    view: ViewNumber
    operation: Operation
    link: bytes = field(default=UNKNOWN, compare=False)  # known once a log holds it
    # The operation as it is hashed, sent and written; empty where that is not at hand.
    text: str = field(default="", compare=False, repr=False)
    # Of which proposal here it came; 0 = of none of this process.
    ticket: int = field(default=0, compare=False, repr=False)

    def written(self) -> str:
        """The operation's text."""
        return self.text or operation_text(self.operation)

    def forget_text(self) -> None:
        """It is on every disk by now; ten thousand entries are kept, and it may be long."""
        object.__setattr__(self, "text", "")

    @property
    def position(self) -> Position:
        return Position(self.index, self.view, self.link)


@dataclass(frozen=True, slots=True)
class Disk:
    """A data folder: a random id that was made with it (0 = by a version that made none), and
    how often a server was started with it."""

    id: int = 0
    starts: int = 0


class ReplicaStatus(Enum):
    ACTIVE = "active"  # a member of its installed view, as far as it knows
    RECOVERING = "recovering"  # started, member of nothing, serves nothing
    OUT = "out"  # left out by a newer view; this incarnation never returns


@dataclass(frozen=True, slots=True)
class Report:
    """What a server tells of itself."""

    incarnation: int
    status: ReplicaStatus
    serving: bool
    promised: View
    promised_kind: ChangeKind
    installed: View
    last: Position
    commit: int
    # Every other member has vouched for it in its installed view: it could prove their deaths.
    sure: bool = False
    dead: frozenset[tuple[int, int]] = frozenset()  # (server id, incarnation), beyond doubt
    # Of a member of `installed` that promised nothing newer: its log is on disk up to here.
    synced: int = 0
    configuration: str = ""  # what it goes by, as text; see `View`
    committed: Position = Position()  # the entry at `commit`
    # Whose history is another: (server id, incarnation, an entry that differs).
    parted: frozenset[tuple[int, int, int]] = frozenset()
    disk: Disk = Disk()
    is_written: bool = False  # both views are on its disk
    # It has not yet asked all others what they saw of its disk, or that is not on it (rule 13).
    is_newcomer: bool = False
    unheard: frozenset[int] = frozenset()  # members of `installed` that fell quiet
    agreed: bool = False  # ...and the servers agreed on it: it is not only in a file of its own
    wanted: str = ""  # the configuration that this leader was asked to change to, as text

    @property
    def is_blank(self) -> bool:
        """Its disk has held no view: a first start, or a folder that was emptied. It may have
        asked to be let in; who votes for a growth has installed a view."""
        asked = self.promised_kind is ChangeKind.GROW and not self.installed.members
        return asked or self.promised.number == NO_VIEW

    def was_let_in(self, view: View, server_id: int) -> bool:
        """Whether this view named server `server_id` as the very process that wrote down, on
        this disk, that it asks to be let in: the disk is no other than the member's."""
        return view.has(server_id, self.promised.members.get(server_id, 0))

    def agreed_to_leave(self, server_id: int) -> bool:
        """Whether it is a member that has promised a view that goes on without it."""
        return self.status is ReplicaStatus.ACTIVE and server_id not in self.promised.members

    def is_sure_of(self, view: View) -> bool:
        """Whether it was vouched for by all the members that this view has."""
        return self.sure and all(self.installed.has(*member) for member in view.members.items())

    def is_left_out_of(self, view: View, server_id: int) -> bool:
        """Whether server `server_id` counts itself a member still, though this newer view
        is without it."""
        behind = self.installed.number < view.number
        absent = not view.has(server_id, self.incarnation)
        return self.status is ReplicaStatus.ACTIVE and behind and absent


# --- messages between servers ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ping:
    """Sent by the election thread to every configured peer each heartbeat."""

    sent_at: float
    report: Report


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a ping. `echo` is its `sent_at` when the answering server vouches for
    the caller, None when it does not; `left_out_by` tells a server that it is out; `lacks`
    is what was seen of the caller and is not on its disk (rule 13)."""

    echo: float | None
    left_out_by: ViewNumber | None
    report: Report
    lacks: SeenRecord | None = None


@dataclass(frozen=True, slots=True)
class Append:
    """Entries of the leader's log that follow `previous`; empty to carry the commit index."""

    view: ViewNumber
    previous: Position
    entries: tuple[Entry, ...]
    commit: int


@dataclass(frozen=True, slots=True)
class Appended:
    """Everything up to and including `index` is on the sender's disk."""

    view: ViewNumber
    index: int


@dataclass(frozen=True, slots=True)
class Query:
    nonce: int


@dataclass(frozen=True, slots=True)
class QueryReply:
    """`seen` is what its sender has seen of all other servers' disks (rule 13)."""

    nonce: int
    report: Report
    seen: tuple[SeenRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Propose:
    view: View
    kind: ChangeKind
    base: ViewNumber
    seen_promised: ViewNumber
    seen_installed: ViewNumber
    dead: tuple[tuple[int, int], ...]  # (server id, incarnation), proven
    # Voters that the view is without, as its configuration does not list them any more.
    leaving: Mapping[int, int] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Promise:
    """`proposer` is the incarnation that proposed the view: one that was reborn since may
    have given the same number to another view."""

    view: ViewNumber
    installed: ViewNumber
    last: Position
    commit: int
    proposer: int


@dataclass(frozen=True, slots=True)
class Install:
    """`last` is where the log of the new view begins to grow; a member whose log ends
    elsewhere catches up from the sender before it installs."""

    view: View
    kind: ChangeKind
    last: Position


@dataclass(frozen=True, slots=True)
class Installed:
    view: ViewNumber


@dataclass(frozen=True, slots=True)
class Start:
    """Every member has installed the view: its leader may serve."""

    view: ViewNumber


@dataclass(frozen=True, slots=True)
class Join:
    """From a recovering server to the serving leader: I have caught up this far."""

    last: Position
    commit: int


@dataclass(frozen=True, slots=True)
class Farewell:
    """The last word of a server that shuts down cleanly and serves nothing any more."""


Message = Union[
    Append,
    Appended,
    Query,
    QueryReply,
    Propose,
    Promise,
    Install,
    Installed,
    Start,
    Join,
    Farewell,
]


# --- records on disk ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EntryRecord:
    """An entry of the log. One whose index is not above the last one replaces that entry
    and all after it. `commit` is the commit index known when it was written."""

    entry: Entry
    commit: int


@dataclass(frozen=True, slots=True)
class PromiseRecord:
    view: View
    kind: ChangeKind


@dataclass(frozen=True, slots=True)
class InstallRecord:
    """The view is installed (and promised); whatever the log holds beyond `last` is dropped."""

    view: View
    kind: ChangeKind
    last: Position
    commit: int


@dataclass(frozen=True, slots=True)
class OutRecord:
    """A newer view has left this server out."""

    view: ViewNumber


@dataclass(frozen=True, slots=True)
class ApartRecord:
    """This folder holds another history than the cluster, which `peer` showed at `index`."""

    peer: int
    index: int


@dataclass(frozen=True, slots=True)
class StartRecord:
    """A server was started with this disk. The store writes it before anything else is done."""

    disk: Disk


@dataclass(frozen=True, slots=True)
class SeenRecord:
    """The newest that was seen of a server, all of it on that server's disk (rule 13)."""

    server_id: int
    incarnation: int
    disk: Disk
    promised: ViewNumber
    installed: ViewNumber
    index: int = 0  # of the last entry of its log


Record = Union[
    EntryRecord,
    PromiseRecord,
    InstallRecord,
    OutRecord,
    ApartRecord,
    StartRecord,
    SeenRecord,
]


def seen_beside(view: View, seen: Mapping[int, SeenRecord]) -> dict[int, SeenRecord]:
    """What is still of interest once this view is installed: whoever was let in meanwhile as
    another process has caught up, and nothing that was seen of it before is missing."""
    return {
        server_id: found
        for server_id, found in seen.items()
        if view.members.get(server_id, found.incarnation) == found.incarnation
    }


@dataclass(frozen=True, slots=True)
class Durable:
    """What a replica finds on its disk when it starts. The state machine holds everything
    up to `commit`; `entries` follow `base` and end the log (some may be committed)."""

    promised: View = EMPTY_VIEW
    promised_kind: ChangeKind = ChangeKind.COLD
    installed: View = EMPTY_VIEW
    commit: int = 0
    last: Position = Position()
    entries: tuple[Entry, ...] = ()
    base: Position = Position()  # of the entry before the first of `entries`
    apart: ApartRecord | None = None
    disk: Disk = Disk()
    seen: tuple[SeenRecord, ...] = ()  # at most one of each other server

    @property
    def committed(self) -> Position:
        """The place of the last entry that the state machine holds."""
        found = (entry.position for entry in self.entries if entry.index == self.commit)
        return next(found, self.base if self.entries else self.last)


# --- what a step wants done ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CatchUp:
    """Ask `source` for what follows `held`, for `view` (None: as a newcomer). The
    shell calls back `adopted` where a snapshot comes first, `pulled` with each part, and at
    the end `caught_up` or, at any time, `catch_up_failed`, with the same `ticket`."""

    ticket: int
    source: int
    view: ViewNumber | None
    held: Position

    @property
    def after(self) -> int:
        """The index of the last entry that it holds."""
        return self.held.index


@dataclass(slots=True)
class Effects:
    """What one step of the replica wants done, in this order:

    1. `persist` is handed to the store (in order, one sync may serve many steps);
    2. `send` goes out at once, WITHOUT waiting for the disk;
    3. `committed` is applied to the state machine, its callers are answered, its events
       published;
    4. `catch_up` and `probe` are started;
    5. after the sync of `persist` the shell calls `Replica.synced(ticket, now)`: what must
       not be said before is an effect of that step.
    """

    persist: list[Record] = field(default_factory=list)
    ticket: int = 0  # set when `persist` is not empty
    send: list[tuple[int, Message]] = field(default_factory=list)
    committed: list[Entry] = field(default_factory=list)
    catch_up: CatchUp | None = None
    probe: list[tuple[int, int]] = field(default_factory=list)  # (server id, incarnation)
    # The replica stopped leading: every caller that still waits for a commit is told so.
    lost_leadership: bool = False
    # Leaves no doubt: this incarnation is out; streams end, the process may be reborn.
    expelled: bool = False
    # State changes, as sentences for the log ("server 2 leads view 3 of servers 2, 3").
    notices: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)  # those that a person should look into

"""A leader and a backup, and every order in which what they say may come: on the newest stream,
late on one that was reset, in part, or never; between syncs and heartbeats.

The core and the wire are the real ones, the Appends so short that each entry is a part. Whatever
comes when: the backup's log is the beginning of the leader's, nothing counts as acknowledged or
committed that is not on both disks, and once all goes well everything is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from chat import peer_wire
from chat.core import limits
from chat.core.replication.appending import Appender
from chat.core.replication.leadership import ChangeKind, View, ViewNumber
from chat.core.replication.messages import Append, Appended, Durable, Effects, EntryRecord
from chat.core.replication.replica import Rules
from chat.core.replication.server_state import ServerState
from chat.core.state.operations.post_message import PostMessage

VIEW = View(ViewNumber(1, 1), {1: 11, 2: 22}, "c1")
RULES = Rules((1, 2))
LEADER, BACKUP = 1, 2
Event = tuple[str, int, int]


@dataclass
class Server:
    number: int
    state: ServerState = field(init=False)
    appender: Appender = field(init=False)
    unsynced: deque[tuple[int, int]] = field(default_factory=deque)  # ticket, and its last entry
    on_disk: int = 0  # the last entry that is
    applied: int = 0
    # What it said and the other has not heard: a queue for each stream, the newest one last.
    streams: list[deque[Any]] = field(default_factory=lambda: [deque()])

    def __post_init__(self) -> None:
        incarnation = VIEW.members[self.number]
        self.state = ServerState(self.number, incarnation, RULES, Durable(), 0.0)
        self.appender = Appender(self.state)
        self.state.install(VIEW, ChangeKind.COLD, 0.0)
        self.state.synced(self.state.finish().ticket, 0.0)
        self.state.finish()

    def picture(self) -> tuple[Any, ...]:
        progress = [
            (each.acknowledged, each.streamed, each.in_flight, each.commit_sent)
            for each in self.appender._progress.values()
        ]
        said = tuple(tuple(p.SerializeToString() for p in stream) for stream in self.streams)
        log = self.state.log
        return (log.last.index, log.commit, *progress, tuple(self.unsynced), self.on_disk, said)


class Pair:
    def __init__(self, **left: int) -> None:
        self.now = 0.0
        self.servers = {n: Server(n) for n in (LEADER, BACKUP)}
        self.left = dict(left)  # how often these may still happen
        self.leader, self.backup = self.servers[LEADER], self.servers[BACKUP]
        self.leader.appender.start_serving(self.now)
        self._carry_out(self.leader)

    def possible(self) -> Iterator[Event]:
        if self.left["write"]:
            yield "write", 0, 0
        if self.left["tick"]:
            yield "tick", 0, 0
        for number, server in self.servers.items():
            if server.unsynced:
                yield "sync", number, 0
            if self.left[f"reset{number}"]:
                yield "reset", number, 0
            for place, stream in enumerate(server.streams):
                newest = place == len(server.streams) - 1
                if stream:
                    yield "hear", number, place
                if stream and not newest:
                    yield "lose", number, place
                if stream and newest and self.left["drop"]:
                    yield "drop", number, place

    def do(self, event: Event) -> None:
        kind, number, place = event
        if kind in ("write", "tick", "drop"):
            self.left[kind] -= 1
        getattr(self, f"_{kind}")(number, place)
        self._check()

    def state(self) -> tuple[Any, ...]:
        pictures = tuple(server.picture() for server in self.servers.values())
        return (*pictures, *self.left.values())

    # --- events; `number` is the server that does it or whose word it is ---

    def _write(self, *_: int) -> None:
        first = self.leader.state.log.last.index + 1
        posts = [PostMessage(f"m{n}", "ann", "bob", "x" * 100, n) for n in (first, first + 1)]
        self.leader.appender.propose(list(posts), 1, self.now)
        self._carry_out(self.leader)

    def _tick(self, *_: int) -> None:
        self.now += RULES.heartbeat_s
        self.leader.appender.tick(self.now)
        self._carry_out(self.leader)

    def _sync(self, number: int, _: int) -> None:
        server = self.servers[number]
        ticket, last = server.unsynced.popleft()
        server.on_disk = last
        server.state.synced(ticket, self.now)
        self._carry_out(server)

    def _reset(self, number: int, _: int) -> None:
        self.left[f"reset{number}"] -= 1
        self.servers[number].streams.append(deque())

    def _lose(self, number: int, place: int) -> None:
        self.servers[number].streams[place].clear()

    def _drop(self, number: int, place: int) -> None:
        """A word alone, as a full queue does; what comes after it gets there."""
        self.servers[number].streams[place].popleft()

    def _hear(self, number: int, place: int) -> None:
        message = peer_wire.message_from_proto(self.servers[number].streams[place].popleft())
        hearer = self.servers[3 - number]
        if isinstance(message, Append):
            hearer.appender.append(number, VIEW.members[number], message, self.now)
        else:
            assert isinstance(message, Appended)
            hearer.appender.appended(number, message, self.now)
        self._carry_out(hearer)

    def _carry_out(self, server: Server) -> None:
        effects: Effects = server.state.finish()
        if effects.persist:
            last = [r.entry.index for r in effects.persist if isinstance(r, EntryRecord)][-1]
            server.unsynced.append((effects.ticket, last))
        for _, message in effects.send:
            incarnation = VIEW.members[server.number]
            server.streams[-1].extend(
                peer_wire.message_to_protos(server.number, incarnation, message)
            )
        for entry in effects.committed:
            assert entry.index == server.applied + 1, "applied in order"
            server.applied = entry.index

    # --- what holds ---

    def _check(self) -> None:
        ours, theirs = self.leader.state.log, self.backup.state.log
        held = theirs.after(0, theirs.last.index, 100)
        assert held == (ours.after(0, theirs.last.index, 100)), "two histories"
        (progress,) = self.leader.appender._progress.values()
        assert progress.acknowledged <= self.backup.on_disk, "acknowledged before it was synced"
        assert ours.commit <= min(self.leader.on_disk, self.backup.on_disk)
        assert theirs.commit <= ours.commit

    def gets_done(self) -> None:
        """From now on all goes well."""
        for _ in range(4):
            while events := [e for e in self.possible() if e[0] in ("hear", "sync")]:
                self.do(events[0])
            self._tick()
        last = self.leader.state.log.last.index
        assert (self.leader.applied, self.backup.applied) == (last, last), "stuck"


def after(left: dict[str, int], events: list[Event]) -> Pair:
    pair = Pair(**left)
    try:
        for event in events:
            pair.do(event)
    except AssertionError as error:
        raise AssertionError(f"{events}: {error}") from error
    return pair


@pytest.mark.parametrize(
    ("left", "states"),
    [
        ({"write": 2, "reset1": 1, "reset2": 0, "tick": 0, "drop": 0}, 330),
        ({"write": 2, "reset1": 0, "reset2": 1, "tick": 0, "drop": 0}, 380),
        ({"write": 1, "reset1": 1, "reset2": 1, "tick": 1, "drop": 0}, 2_048),
        ({"write": 1, "reset1": 0, "reset2": 0, "tick": 1, "drop": 1}, 100),
    ],
)
def test_every_order_of_words_resets_syncs_and_heartbeats(
    monkeypatch: pytest.MonkeyPatch, left: dict[str, int], states: int
) -> None:
    """All that can come of so many writes of two entries each, resets and heartbeats."""
    monkeypatch.setattr(limits, "PEER_MESSAGE_BYTES_MAX", 200)
    seen = {after(left, []).state()}
    open_ends: deque[list[Event]] = deque([[]])
    while open_ends:
        events = open_ends.popleft()
        for event in list(after(left, events).possible()):
            pair = after(left, [*events, event])
            if pair.state() not in seen:
                seen.add(pair.state())
                open_ends.append([*events, event])
                pair.gets_done()
    assert len(seen) >= states

"""What a replica is told that does not go on from its own log: it takes nothing of it (rule 12)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chat.core.replication import chain
from chat.core.replication.leadership import NO_VIEW, ChangeKind, View, ViewNumber
from chat.core.replication.messages import (
    ApartRecord,
    Append,
    Appended,
    CatchUp,
    Durable,
    Effects,
    Entry,
    EntryRecord,
    Farewell,
    Install,
    Installed,
    Position,
    Promise,
    Propose,
)
from chat.core.replication.replica import Replica, Rules
from chat.core.state.form import operation_text
from tests.core.replication.network import Network, Server, post

VIEW = View(ViewNumber(1, 1), {1: 10, 2: 20, 3: 30}, "c")
NEXT = View(ViewNumber(2, 1), {1: 10, 2: 20}, "c")


def linked(*numbers: int) -> tuple[Entry, ...]:
    """So many entries of one chain."""
    link, entries = chain.origin(0, NO_VIEW), []
    for index, number in enumerate(numbers, 1):
        link = chain.extend(link, index, VIEW.number, operation_text(post(number)))
        entries.append(Entry(index, VIEW.number, post(number), link))
    return tuple(entries)


OURS, THEIRS = linked(1, 2, 3), linked(1, 7, 3)


@pytest.fixture
def backup() -> Replica:
    """Server 2 in a view that server 1 leads, with three entries on its disk."""
    begin = Position(0, NO_VIEW, chain.origin(0, NO_VIEW))
    made = Replica(2, 20, Rules((1, 2, 3)), Durable(base=begin, last=begin), 10.0)
    proposal = Propose(VIEW, ChangeKind.COLD, NO_VIEW, NO_VIEW, NO_VIEW, ())
    made.synced(made.received(1, 10, proposal, 10.0).ticket, 10.0)
    made.synced(made.received(1, 10, Install(VIEW, ChangeKind.COLD, begin), 10.0).ticket, 10.0)
    taken = made.received(1, 10, Append(VIEW.number, begin, OURS, 0), 10.0)
    made.synced(taken.ticket, 10.0)
    assert made.report().last == OURS[-1].position
    return made


def stands_aside(replica: Replica, effects: Effects, index: int) -> bool:
    """It has written down who showed it another history, and takes and says nothing more."""
    assert not [record for record in effects.persist if isinstance(record, EntryRecord)]
    assert not [word for _, word in effects.send if isinstance(word, (Appended, Installed))]
    assert any("takes no part any more" in warning for warning in effects.warnings)
    assert replica.report().last.index == len(OURS)
    return ApartRecord(1, index) in effects.persist


def test_entries_that_follow_others_are_not_taken(backup: Replica) -> None:
    more = Entry(4, VIEW.number, post(4))
    told = Append(VIEW.number, THEIRS[-1].position, (more,), 0)
    assert stands_aside(backup, backup.received(1, 10, told, 10.1), 3)
    right = Append(VIEW.number, OURS[-1].position, (more,), 0)
    after = backup.received(1, 10, right, 10.2)
    assert not after.persist
    assert not after.send


def test_a_commit_index_of_other_entries_commits_nothing(backup: Replica) -> None:
    told = Append(VIEW.number, THEIRS[1].position, (), 2)
    effects = backup.received(1, 10, told, 10.1)
    assert stands_aside(backup, effects, 2)
    assert not effects.committed


def test_a_view_over_other_entries_is_not_installed(backup: Replica) -> None:
    seen = VIEW.number
    proposal = Propose(NEXT, ChangeKind.SHRINK, seen, seen, seen, ((3, 30),))
    backup.tick(13.0)
    promised = backup.received(1, 10, proposal, 13.0)
    backup.synced(promised.ticket, 13.0)
    told = Install(NEXT, ChangeKind.SHRINK, THEIRS[-1].position)
    assert stands_aside(backup, backup.received(1, 10, told, 13.1), 3)
    assert backup.report().installed == VIEW


def test_what_is_pulled_from_another_history_is_the_end_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = Network()
    network.run(2)
    network.propose(1, 2, 3)
    (disk,) = network.kill(3).values()
    network.run(1)
    network.propose(4)
    joiner = network.start(3, disk)
    asked: list[CatchUp] = []

    def only_ask(_server: Server, effects: Effects) -> None:
        assert effects.catch_up is not None
        asked.append(effects.catch_up)

    monkeypatch.setattr(network, "catch_up", only_ask)
    network.run(0.5)
    request = asked[-1]
    place = joiner.replica.report().last
    other = replace(place, link=place.link[:4] + bytes(16))
    effects = joiner.replica.caught_up(request.ticket, other, 3, network.now)
    assert ApartRecord(request.source, 3) in effects.persist
    assert all(isinstance(word, Farewell) for _, word in effects.send)
    assert not effects.committed


def test_a_promise_over_another_history_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network()
    network.run(2)
    network.propose(1, 2, 3)
    one, deliver = network.servers[1].replica, network.deliver
    before, changed = one.report().installed, [0]

    def deliver_with_another_link() -> None:
        sender, incarnation, peer, message = network.queue[0]
        if isinstance(message, Promise):
            last = replace(message.last, link=message.last.link[:4] + bytes(16))
            network.queue[0] = (sender, incarnation, peer, replace(message, last=last))
            changed[0] += 1
        deliver()

    with monkeypatch.context() as patch:
        patch.setattr(network, "deliver", deliver_with_another_link)
        network.kill(3)
        network.run(1)
    assert changed[0] >= 1
    assert one.report().installed == before
    network.run(4)
    assert network.leaders == [1]
    assert sorted(one.report().installed.members) == [1, 2]

"""One replica alone, told what its peers say: what it knows, and what proves nothing to it."""

from __future__ import annotations

from typing import TypeVar

import pytest

from chat.core.limits import JOIN_LAG_ENTRIES_MAX
from chat.core.replication.evidence import Evidence
from chat.core.replication.leadership import NO_VIEW, ChangeKind, View, ViewNumber
from chat.core.replication.log import Log
from chat.core.replication.messages import (
    Durable,
    Effects,
    Entry,
    Install,
    Ping,
    Pong,
    Position,
    Promise,
    Propose,
    Query,
    QueryReply,
    ReplicaStatus,
    Report,
)
from chat.core.replication.replica import Replica, Rules
from chat.core.state.operations.post_message import PostMessage

_Kind = TypeVar("_Kind")


def post(number: int) -> PostMessage:
    return PostMessage(f"m{number}", "ada", "grace", "hello", number)


def test_a_newcomer_forms_no_view_while_its_leader_lets_it_in() -> None:
    """The leader does not serve for that moment; a view of the newcomer's own, though nobody
    votes for it, would be newer than the one that it is to be let in by."""
    alone = View(ViewNumber(3, 3), {3: 30}, "cluster")
    both = View(ViewNumber(4, 3), {1: 10, 3: 30}, "cluster")
    disk = Durable(installed=alone, promised=alone)
    newcomer = Replica(1, 10, Rules((1, 3)), disk, 0.0)

    def heard(serving: bool, view: View, now: float) -> None:
        report = Report(
            30, ReplicaStatus.ACTIVE, serving, view, ChangeKind.GROW, view, Position(), 0
        )
        newcomer.ping_received(3, 30, Ping(now, report), now)

    heard(serving=True, view=alone, now=1.0)
    newcomer.tick(1.0)
    heard(serving=False, view=both, now=1.1)  # old members install first
    effects = newcomer.tick(1.1)
    assert not effects.persist
    assert not any(isinstance(message, Query) for _, message in effects.send)


@pytest.mark.parametrize("fetches", [False, True])
def test_one_that_begins_anew_catches_up_only_once_its_own_attempt_is_over(fetches: bool) -> None:
    """By majority; what the catch-up brings would change the log that its view is about to begin
    with. `fetches`: the best log is another one's, and on its way already."""
    before = View(ViewNumber(1, 1), {1: 10, 2: 20, 3: 30}, "c")
    newer = View(ViewNumber(2, 2), {2: 20, 3: 30}, "c")
    rules = Rules((1, 2, 3), survivors=False)
    server = Replica(1, 11, rules, Durable(installed=before, promised=before), 0.0)
    entry = Entry(1, before.number, post(1))
    back = Report(31, ReplicaStatus.RECOVERING, False, before, ChangeKind.COLD, before,
                  entry.position if fetches else Position(), 0)  # fmt: skip
    leader = Report(20, ReplicaStatus.ACTIVE, True, newer, ChangeKind.SHRINK, newer,
                    Position(), JOIN_LAG_ENTRIES_MAX + 1)  # fmt: skip

    server.tick(4.8)
    server.ping_received(3, 31, Ping(4.9, back), 4.9)
    asked = sent(server.tick(5.0), Query)
    proposed = sent(server.received(3, 31, QueryReply(asked.nonce, back), 5.0), Propose)
    agreed = Promise(proposed.view.number, before.number, back.last, 0, 11)
    own = server.received(3, 31, agreed, 5.0)
    if fetches:
        own = server.synced(own.ticket, 5.0)
        assert own.catch_up is not None
        assert own.catch_up.view == proposed.view.number

    server.ping_received(2, 20, Ping(5.1, leader), 5.1)
    follows = server.tick(5.1)
    if fetches:
        assert own.catch_up is not None
        assert follows.catch_up is None  # one at a time
        ticket = own.catch_up.ticket
        assert not server.pulled(ticket, (entry,), 0, 5.2).persist
        follows = server.caught_up(ticket, entry.position, 0, 5.2)
    else:
        assert not server.synced(own.ticket, 5.2).send
    assert follows.catch_up is not None
    assert (follows.catch_up.source, follows.catch_up.view) == (2, None)
    assert not server.received(3, 31, agreed, 5.3).send
    assert not server.tick(5.4).send
    assert server.report().installed == before
    assert server.last == Position()


def sent(effects: Effects, kind: type[_Kind]) -> _Kind:
    """The one message of this kind."""
    (found,) = (message for _, message in effects.send if isinstance(message, kind))
    return found


def test_a_server_whose_disk_stands_still_neither_asks_nor_answers() -> None:
    server = Replica(1, 10, Rules((1, 2, 3)), Durable(), 0.0)
    view = View(ViewNumber(1, 2), {1: 10, 2: 20, 3: 30}, "c")
    proposal = Propose(view, ChangeKind.COLD, NO_VIEW, NO_VIEW, NO_VIEW, ())
    ticket = server.received(2, 20, proposal, 1.0).ticket
    assert ticket
    server.tick(1.0)
    assert server.ping(3.0) is not None
    server.tick(3.1)
    assert server.ping(3.1) is None
    answer, _ = server.ping_received(2, 20, Ping(3.1, server.report()), 3.1)
    assert answer is None
    server.synced(ticket, 3.2)
    assert server.ping(3.2) is not None


def test_an_echo_of_an_earlier_incarnations_ping_gives_no_standing() -> None:
    server = Replica(1, 10, Rules((1, 2)), Durable(), 10.0)
    view = View(ViewNumber(1, 2), {1: 10, 2: 20}, "c")
    proposal = Propose(view, ChangeKind.COLD, NO_VIEW, NO_VIEW, NO_VIEW, ())
    server.synced(server.received(2, 20, proposal, 10.0).ticket, 10.0)
    install = Install(view, ChangeKind.COLD, Position())
    server.synced(server.received(2, 20, install, 10.0).ticket, 10.0)
    peer = Report(20, ReplicaStatus.ACTIVE, False, view, ChangeKind.COLD, view, Position(), 0)
    for echo, stands in ((9.9, False), (10.1, True)):
        server.pong_received(2, Pong(echo, None, peer), 10.2)
        assert server.report().sure is stands


def test_an_answer_of_a_process_before_the_member_proves_nothing() -> None:
    evidence = Evidence(out_s=1.0, vote_s=2.0, quiet_s=0.4)
    evidence.view_installed({2: 20}, 10.0)
    evidence.vouched_by(2, 11.9)
    assert not evidence.replaced(2, 19, 11.9)  # may have been long on its way
    evidence.vouched_by(2, 12.1)
    assert not evidence.replaced(2, 20, 12.1)
    assert evidence.replaced(2, 21, 12.1)
    assert evidence.dead == {(2, 20)}


def test_a_view_can_be_installed_where_a_log_was_cut_to_its_beginning() -> None:
    """The entry before the first one is known, so the record names its place in full."""
    view = View(ViewNumber(1, 1), {1: 5}, "c")
    first, second = (Entry(index, view.number, post(index)) for index in (7, 8))
    durable = Durable(view, ChangeKind.COLD, view, 7, second.position, (second,), first.position)
    log = Log(durable)
    log.drop_after(7)
    assert log.last == first.position
    assert log.holds(first.position)

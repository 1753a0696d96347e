"""The replica on a network without delay: the normal path, deaths, cold start, growth."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from chat.core.replication.evidence import Evidence
from chat.core.replication.leadership import NO_VIEW, ChangeKind, View, ViewNumber
from chat.core.replication.messages import (
    CatchUp,
    Durable,
    Effects,
    Install,
    Promise,
    Propose,
    ReplicaStatus,
)
from tests.core.replication.network import Network, Server, post


def test_three_fresh_servers_form_a_view_and_commit_on_all() -> None:
    network = Network()
    network.run(2)
    assert network.leaders == [1]
    network.propose(1, 2, 3)
    for server in network.servers.values():
        assert server.applied == [post(1), post(2), post(3)]


def test_one_configured_server_serves_alone_at_once() -> None:
    network = Network(servers=1)
    network.run(0.5)
    network.propose(1)
    assert network.servers[1].applied == [post(1)]


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3), 2)))
def test_any_two_killed_one_after_the_other(order: tuple[int, int]) -> None:
    network = Network()
    network.run(2)
    network.propose(1)
    for at, victim in enumerate(order):
        network.kill(victim)
        network.run(1)
        network.propose(10 + at)
    (survivor,) = network.servers.values()
    assert survivor.applied == [post(1), post(10), post(11)]


@pytest.mark.parametrize("victims", list(itertools.combinations((1, 2, 3), 2)))
def test_any_two_killed_at_once(victims: tuple[int, int]) -> None:
    network = Network()
    network.run(2)
    network.propose(1)
    network.kill(*victims)
    network.run(0.5)
    network.propose(2)
    (survivor,) = network.servers.values()
    assert survivor.applied == [post(1), post(2)]


def test_a_cold_start_waits_for_everyone_named_and_keeps_everything() -> None:
    network = Network()
    network.run(2)
    network.propose(1, 2)
    disks = network.kill(1, 2, 3)
    network.start(2, disks[2])
    network.start(3, disks[3])
    network.run(30)
    assert network.leaders == []
    assert network.servers[2].replica.missing_servers(network.now) == (1,)
    network.start(1, disks[1])
    network.run(3)
    assert network.leaders == [1]
    network.propose(3)
    for server in network.servers.values():
        assert server.applied[-3:] == [post(1), post(2), post(3)]


def test_a_restarted_server_catches_up_and_leads_again_when_it_has_the_lowest_id() -> None:
    network = Network()
    network.run(2)
    network.propose(1)
    disks = network.kill(1)
    network.run(1)
    assert network.leaders == [2]
    network.propose(*range(2, 1000))
    network.start(1, disks[1])
    network.run(3)
    assert network.leaders == [1]
    assert network.servers[2].lost
    network.propose(1000)
    for server in network.servers.values():
        assert server.applied == [post(number) for number in range(1, 1001)]


class SlowInstalls(Network):
    """While it holds them, everything else that goes to server 1 is faster than its Installs."""

    def __init__(self) -> None:
        super().__init__()
        self.holding = False

    def settle(self) -> None:
        held = []
        while self.queue:
            if self.holding and self.queue[0][2] == 1 and isinstance(self.queue[0][3], Install):
                held.append(self.queue.popleft())
            else:
                self.deliver()
        self.queue.extend(held)


def test_a_newcomer_proposes_nothing_while_it_is_let_in() -> None:
    """The old members serve no more, and wait for it to install their view: that nobody serves
    is then no reason for a cold start."""
    network = SlowInstalls()
    network.run(2)
    disks = network.kill(1)
    network.run(1)
    newcomer = network.start(1, disks[1])
    network.holding = True
    network.run(1)
    assert network.servers[3].replica.report().installed.has(1, newcomer.incarnation)
    report = newcomer.replica.report()
    assert report.promised == report.installed
    network.holding = False
    network.run(0.5)
    assert network.leaders == [1]


def test_a_broken_stream_is_looked_into_until_the_peer_answers() -> None:
    network = Network()
    network.run(2)
    backup, leader = network.servers[2].replica, network.servers[1]
    question = [(1, leader.incarnation)]
    assert backup.stream_broken(1, network.now).probe == question
    assert backup.tick(network.now).probe == question
    network.run(0.5)
    assert not backup.tick(network.now).probe


def test_without_rejoin_a_restarted_server_stays_out() -> None:
    network = Network(rejoin=False)
    network.run(2)
    disks = network.kill(1)
    network.run(1)
    network.start(1, disks[1])
    network.run(5)
    assert network.leaders == [2]


def test_an_old_history_does_not_go_on_beside_one_begun_by_force() -> None:
    network = Network()
    network.run(2)
    old = network.kill(3)
    network.run(1)
    network.propose(1)
    old |= network.kill(1, 2)
    network.start(3, old[3], force_new_view=True)
    network.run(3)
    network.propose(2)
    for number in (1, 2):
        network.start(number, old[number])
    network.run(30)
    assert network.leaders == [3]
    assert network.servers[3].applied == [post(2)]
    assert [entry.operation for entry in network.servers[1].entries] == [post(1)]
    for number in (1, 2):
        network.servers.pop(number)
        network.start(number, Durable())
    network.run(5)
    assert network.leaders == [1]
    assert network.servers[1].applied == [post(2)]


def test_a_farewell_hands_over_at_once() -> None:
    network = Network()
    network.run(2)
    first = network.servers[1]
    network.carry_out(first, first.replica.shut_down(network.now))
    network.settle()
    assert network.leaders == [2]


def test_members_that_all_came_back_as_new_processes_strand_no_leader() -> None:
    """The others lose their power and return: no proof, no majority, so a new beginning."""
    network = Network()
    network.run(2)
    network.propose(1)
    disks = {number: network.servers.pop(number).disk for number in (2, 3)}
    network.run(3)
    for number, disk in disks.items():
        network.start(number, disk)
    network.run(6)
    assert network.leaders == [1]
    network.propose(2)
    for server in network.servers.values():
        assert server.applied == [post(1), post(2)]


def test_a_server_that_was_left_out_votes_no_more() -> None:
    network = Network(rejoin=False)
    network.run(2)
    left_out = network.servers.pop(3)
    network.run(5)
    network.servers[3] = left_out
    network.run(1)
    assert left_out.expelled
    network.kill(1, 2)
    network.run(10)
    assert network.leaders == []
    assert left_out.replica.report().status is ReplicaStatus.OUT


def test_a_voter_refuses_when_something_changed_since_it_was_asked() -> None:
    network = Network()
    network.run(2)
    network.kill(2)
    seen = network.servers[1].replica.report().promised.number
    assert not promises_without_two(network, ViewNumber(0, 0))
    assert promises_without_two(network, seen)


def test_a_voter_does_not_believe_that_one_is_dead_whom_it_hears() -> None:
    network = Network()
    network.run(2)
    voter = network.servers[1].replica
    assert not promises_without_two(network, voter.report().promised.number)
    voter.stream_broken(2, network.now)
    assert not promises_without_two(network, voter.report().promised.number)
    network.now += 0.5
    assert promises_without_two(network, voter.report().promised.number)


def test_a_proof_of_a_death_ends_with_the_next_word_of_the_dead() -> None:
    network = Network()
    network.run(2)
    one, two = network.servers[1].replica, network.servers[2]
    one.stream_broken(2, network.now)
    assert (2, two.incarnation) not in one.report().dead
    one.refused(2, two.incarnation, network.now)
    assert (2, two.incarnation) in one.report().dead
    ping = two.replica.ping(network.now)
    assert ping is not None
    one.ping_received(2, two.incarnation, ping, network.now)
    assert (2, two.incarnation) not in one.report().dead


def test_another_servers_proof_is_beyond_doubt_only_while_that_server_lives() -> None:
    evidence = Evidence(out_s=1.0, vote_s=2.0, quiet_s=0.4)
    evidence.view_installed({2: 20, 3: 30}, now=0.0)
    assert evidence.told_dead(teller=(2, 20), dead=[(3, 30)], now=1.5)
    assert not evidence.in_doubt(dead=[(3, 30)], survivors=[(1, 10), (2, 20)])
    assert evidence.in_doubt(dead=[(3, 30)], survivors=[(1, 10)])


def test_a_promise_to_an_earlier_process_of_the_proposer_does_not_count() -> None:
    network = Network()
    network.run(2)
    three = network.servers[3]
    del network.servers[1]
    for survivor in network.servers.values():
        network.carry_out(survivor, survivor.replica.stream_broken(1, network.now))
    while network.queue:
        sender, _, _, message = network.queue[0]
        if sender == 3 and isinstance(message, Promise):
            network.queue[0] = (sender, three.incarnation, 2, replace(message, proposer=77))
        network.deliver()
    assert network.servers[2].replica.report().installed.number.number == 1


def promises_without_two(network: Network, seen: ViewNumber) -> bool:
    """Whether 1 promises 3, who saw these views of 1, a view in which the dead 2 is not."""
    one, three = network.servers[1], network.servers[3]
    installed = one.replica.report().installed
    members = {1: one.incarnation, 3: three.incarnation}
    view = View(ViewNumber(9, 3), members, installed.cluster_id)
    dead = ((2, installed.members.get(2, 0)),)
    proposal = Propose(view, ChangeKind.SHRINK, installed.number, seen, seen, dead)
    effects = one.replica.received(3, three.incarnation, proposal, network.now)
    synced = one.replica.synced(effects.ticket, network.now)
    return any(isinstance(message, Promise) for _, message in synced.send)


def test_a_log_is_handed_only_to_who_may_have_it() -> None:
    network = Network()
    network.run(2)
    network.propose(1)
    leader, backup = network.servers[1].replica, network.servers[2].replica
    number = leader.report().installed.number
    assert leader.may_serve_catch_up(3, 99, None) == leader.last
    assert backup.may_serve_catch_up(3, 99, None) is None
    assert leader.may_serve_catch_up(3, network.servers[3].incarnation, number) is None
    assert leader.may_serve_catch_up(3, 99, ViewNumber(7, 1)) is None


def test_force_begins_a_new_cluster_that_the_others_cannot_mix_with() -> None:
    network = Network()
    network.run(2)
    network.propose(1)
    disks = network.kill(1, 2, 3)
    network.rules = replace(network.rules, force_new_view=True)
    network.start(3, disks[3])
    network.run(2)
    assert network.leaders == [3]
    network.propose(2)
    network.rules = replace(network.rules, force_new_view=False)
    network.start(2, disks[2])
    network.run(5)
    assert network.leaders == [3]
    assert sorted(network.servers[3].replica.report().installed.members) == [3]
    network.kill(2)
    network.start(2, Durable())
    network.run(3)
    assert network.leaders == [2]
    assert network.servers[2].applied == [post(1), post(2)]


def test_a_snapshot_is_wanted_only_while_its_catch_up_is(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network()
    network.run(2)
    disks = network.kill(3)
    network.run(1)
    network.propose(*range(1, 600))
    joiner = network.start(3, disks[3])
    requests: list[CatchUp] = []

    def only_ask(_server: Server, effects: Effects) -> None:
        assert effects.catch_up is not None
        requests.append(effects.catch_up)

    monkeypatch.setattr(network, "catch_up", only_ask)
    network.run(1)
    (request,) = requests
    assert not joiner.replica.may_adopt(request.ticket + 1)
    assert joiner.replica.may_adopt(request.ticket)
    # What an earlier request came to disturbs nothing now.
    assert not joiner.replica.may_adopt(request.ticket - 1)
    joiner.replica.catch_up_failed(request.ticket - 1, network.now)
    view = View(ViewNumber(99, 1), {1: 1, 3: joiner.incarnation}, "")
    seen = joiner.replica.report()
    proposal = Propose(
        view, ChangeKind.COLD, NO_VIEW, seen.promised.number, seen.installed.number, ()
    )
    proposal = replace(proposal, view=replace(view, cluster_id=seen.installed.cluster_id))
    assert not joiner.replica.received(1, 1, proposal, network.now).persist
    network.carry_out(joiner, joiner.replica.catch_up_failed(request.ticket, network.now))
    assert joiner.replica.received(1, 1, proposal, network.now).persist
    assert not joiner.replica.may_adopt(request.ticket)


def test_without_rejoin_all_that_were_members_still_begin_anew_together() -> None:
    network = Network(rejoin=False)
    network.run(2)
    network.propose(1)
    disks = network.kill(1, 2, 3)
    for number, disk in disks.items():
        network.start(number, disk)
    network.run(3)
    assert network.leaders == [1]


def test_the_pings_of_one_that_has_left_are_no_sign_of_life() -> None:
    """It waits for its disk, perhaps for hours. Where nobody may be left out, the farewell is
    heard once and not taken back by the next ping."""
    network = Network(survivors=False)
    network.run(2)
    network.kill(3)
    network.run(5)
    leaver = network.servers[2]
    heard: list[str] = []
    carry_out = network.carry_out

    def listening(server: Server, effects: Effects) -> None:
        heard.extend(notice for notice in effects.notices if "farewell" in notice)
        carry_out(server, effects)

    network.carry_out = listening  # type: ignore[method-assign]
    network.carry_out(leaver, leaver.replica.shut_down(network.now))
    network.run(5)
    assert heard == ["server 1 heard server 2 say farewell"]
    assert network.leaders == []

"""The replica on a network without delay: the normal path, deaths, cold start, growth."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import replace

import pytest

from chat.core.leadership import NO_VIEW, ChangeKind, View, ViewNumber
from chat.core.messages import (
    CatchUp,
    Durable,
    Effects,
    Entry,
    EntryRecord,
    Install,
    InstallRecord,
    Message,
    Promise,
    PromiseRecord,
    Propose,
    ReplicaStatus,
)
from chat.core.operations import Operation, PostMessage
from chat.core.replica import Replica, Rules

_STEP_S = 0.05


def post(number: int) -> PostMessage:
    return PostMessage(f"m{number}", "ada", "grace", "hello", number)


class Server:
    """One process: a replica, what it has on disk, what it has applied."""

    def __init__(self, number: int, incarnation: int, rules: Rules, disk: Durable) -> None:
        self.number = number
        self.incarnation = incarnation
        self.replica = Replica(number, incarnation, rules, disk, 0.0)
        self.disk = disk
        self.entries: list[Entry] = list(disk.entries)
        self.applied: list[Operation] = [
            e.operation for e in disk.entries if e.index <= disk.commit
        ]
        self.lost = False
        self.expelled = False

    def write(self, record: object) -> None:
        disk = self.disk
        promised, kind, installed = disk.promised, disk.promised_kind, disk.installed
        commit = disk.commit
        if isinstance(record, EntryRecord):
            del self.entries[record.entry.index - 1 :]
            self.entries.append(record.entry)
            commit = max(commit, record.commit)
        elif isinstance(record, PromiseRecord):
            promised, kind = record.view, record.kind
        elif isinstance(record, InstallRecord):
            promised = installed = record.view
            kind = record.kind
            del self.entries[record.last.index :]
            commit = max(commit, record.commit)
        last = self.entries[-1].position if self.entries else disk.last
        self.disk = Durable(promised, kind, installed, commit, last, tuple(self.entries))


class Network:
    """Delivers everything at once, in order; time moves only by `run`."""

    def __init__(self, servers: int = 3, **options: object) -> None:
        self.rules = Rules(tuple(range(1, servers + 1)), **options)  # type: ignore[arg-type]
        self.now = 100.0
        self.incarnations = itertools.count(1000)
        self.servers: dict[int, Server] = {}
        self.queue: deque[tuple[int, int, int, Message]] = deque()
        for number in self.rules.configured:
            self.start(number, Durable())

    def start(self, number: int, disk: Durable, **options: object) -> Server:
        rules = replace(self.rules, **options)  # type: ignore[arg-type]
        server = Server(number, next(self.incarnations), rules, disk)
        server.replica = Replica(number, server.incarnation, rules, disk, self.now)
        self.servers[number] = server
        return server

    def kill(self, *numbers: int) -> dict[int, Durable]:
        """Ends processes at the same moment; their peers see the streams break."""
        disks = {number: self.servers.pop(number).disk for number in numbers}
        for server in list(self.servers.values()):
            for number in numbers:
                self.carry_out(server, server.replica.stream_broken(number, self.now))
        self.settle()
        return disks

    def run(self, seconds: float) -> None:
        for step in range(1, 1 + round(seconds / _STEP_S)):
            self.now += _STEP_S
            if step % 5 == 0:
                for server in list(self.servers.values()):
                    self.carry_out(server, server.replica.tick(self.now))
                    self.exchange_pings(server)
            self.settle()

    def exchange_pings(self, server: Server) -> None:
        for number, peer in list(self.servers.items()):
            if number == server.number:
                continue
            ping = server.replica.ping(self.now)
            assert ping is not None
            pong, effects = peer.replica.ping_received(
                server.number, server.incarnation, ping, self.now
            )
            self.carry_out(peer, effects)
            assert pong is not None
            self.carry_out(server, server.replica.pong_received(number, pong, self.now))

    def settle(self) -> None:
        while self.queue:
            self.deliver()

    def deliver(self) -> None:
        sender, incarnation, peer, message = self.queue.popleft()
        if peer in self.servers:
            server = self.servers[peer]
            effects = server.replica.received(sender, incarnation, message, self.now)
            self.carry_out(server, effects)

    def carry_out(self, server: Server, effects: Effects) -> None:
        for record in effects.persist:
            server.write(record)
        for peer, message in effects.send:
            self.queue.append((server.number, server.incarnation, peer, message))
        server.applied.extend(entry.operation for entry in effects.committed)
        server.lost |= effects.lost_leadership
        server.expelled |= effects.expelled
        for peer, incarnation in effects.probe:
            if peer not in self.servers:
                self.carry_out(server, server.replica.refused(peer, incarnation, self.now))
        for peer, message in effects.after_sync:
            self.queue.append((server.number, server.incarnation, peer, message))
        if effects.persist:
            self.carry_out(server, server.replica.synced(effects.ticket, self.now))
        if effects.catch_up is not None:
            self.catch_up(server, effects)

    def catch_up(self, server: Server, effects: Effects) -> None:
        request = effects.catch_up
        assert request is not None
        source = self.servers.get(request.source)
        upto = source and source.replica.may_serve_catch_up(
            server.number, server.incarnation, request.view
        )
        if source is None or upto is None:
            self.carry_out(server, server.replica.catch_up_failed(request.ticket, self.now))
            return
        entries = source.replica.entries_after(request.after, request.view is None, 1_000_000)
        assert entries is not None
        self.carry_out(
            server,
            server.replica.caught_up(
                request.ticket, None, entries, source.replica.commit, self.now
            ),
        )

    @property
    def leaders(self) -> list[int]:
        return [n for n, server in self.servers.items() if server.replica.may_read(self.now)]

    def propose(self, *numbers: int) -> None:
        server = self.servers[self.leaders[0]]
        operations: list[Operation] = [post(number) for number in numbers]
        self.carry_out(server, server.replica.propose(operations, self.now))
        self.settle()


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
    one = network.servers[1]
    report = one.replica.report()
    view = View(ViewNumber(9, 3), {1: one.incarnation}, report.installed.cluster_id)
    dead = tuple(item for item in report.installed.members.items() if item[0] != 1)
    for seen, answered in ((ViewNumber(0, 0), False), (report.promised.number, True)):
        proposal = Propose(view, ChangeKind.SHRINK, report.installed.number, seen, seen, dead)
        effects = one.replica.received(3, network.servers[3].incarnation, proposal, network.now)
        promises = [m for _, m in effects.after_sync if isinstance(m, Promise)]
        assert bool(promises) is answered


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


def test_a_snapshot_is_wanted_only_while_its_catch_up_is() -> None:
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

    network.catch_up = only_ask  # type: ignore[method-assign]
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

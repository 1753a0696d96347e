"""Replicas on a network without delay, driven by hand; time moves only by `run`."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import replace

from chat.core.replication.messages import (
    Durable,
    Effects,
    Entry,
    EntryRecord,
    InstallRecord,
    Message,
    PromiseRecord,
)
from chat.core.replication.replica import Replica, Rules
from chat.core.state.operations import Operation
from chat.core.state.operations.post_message import PostMessage

_STEP_S = 0.05
_PART_ENTRIES = 64


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
        if effects.persist:
            self.carry_out(server, server.replica.synced(effects.ticket, self.now))
        if effects.catch_up is not None:
            self.catch_up(server, effects)

    def catch_up(self, server: Server, effects: Effects) -> None:
        request = effects.catch_up
        assert request is not None
        upto = None
        if source := self.servers.get(request.source):
            upto = source.replica.may_serve_catch_up(
                server.number, server.incarnation, request.view
            )
        if source is None or upto is None:
            self.carry_out(server, server.replica.catch_up_failed(request.ticket, self.now))
            return
        entries = source.replica.entries_after(request.after, request.view is None, 1_000_000)
        assert entries is not None
        commit, ticket = source.replica.commit, request.ticket
        for at in range(0, len(entries), _PART_ENTRIES):
            part = entries[at : at + _PART_ENTRIES]
            self.carry_out(server, server.replica.pulled(ticket, part, commit, self.now))
        self.carry_out(server, server.replica.caught_up(ticket, upto, commit, self.now))

    @property
    def leaders(self) -> list[int]:
        return [n for n, server in self.servers.items() if server.replica.may_read(self.now)]

    def propose(self, *numbers: int) -> None:
        server = self.servers[self.leaders[0]]
        operations: list[Operation] = [post(number) for number in numbers]
        self.carry_out(server, server.replica.propose(operations, 1, self.now))
        self.settle()

"""When a replica needs no more than a tick each heartbeat, and that it knows when it does."""

from __future__ import annotations

from chat.core.replication.messages import Durable
from tests.core.replication.network import Network, post


def calm(network: Network) -> list[int]:
    servers = network.servers.items()
    return [number for number, server in servers if server.replica.is_calm(network.now)]


def a_calm_network() -> Network:
    network = Network()
    network.run(2)
    assert calm(network) == [1, 2, 3]
    return network


def test_a_cluster_that_begins_is_not_calm() -> None:
    assert calm(Network()) == []


def test_writes_that_are_acknowledged_leave_it_calm() -> None:
    network = a_calm_network()
    network.propose(1, 2)
    assert calm(network) == [1, 2, 3]


def test_a_write_that_somebody_has_not_acknowledged_does_not() -> None:
    network = a_calm_network()
    leader = network.servers[1]
    network.carry_out(leader, leader.replica.propose([post(1)], 1, network.now))
    network.queue.clear()  # lost on the way
    assert calm(network) == [2, 3]
    network.run(1)
    assert network.servers[3].applied == [post(1)]
    assert calm(network) == [1, 2, 3]


def test_a_record_that_is_not_on_the_disk_yet_does_not() -> None:
    network = a_calm_network()
    network.servers[1].replica.propose([post(1)], 1, network.now)
    assert calm(network) == [2, 3]


def test_a_broken_stream_is_no_calm_until_the_peer_speaks_again() -> None:
    network = a_calm_network()
    network.servers[2].replica.stream_broken(3, network.now)
    assert calm(network) == [1, 3]
    network.run(0.5)
    assert calm(network) == [1, 2, 3]


def test_a_peer_that_is_not_heard_is_no_calm() -> None:
    network = a_calm_network()
    network.now += 1.5 * network.rules.heartbeat_s + 0.01
    assert calm(network) == []


def test_who_is_left_is_calm_again() -> None:
    network = a_calm_network()
    network.kill(1)
    network.run(2)
    assert network.leaders == [2]
    assert calm(network) == [2, 3]


def test_a_newcomer_is_no_calm_until_it_is_in() -> None:
    network = a_calm_network()
    network.kill(3)
    network.run(1)
    network.start(3, Durable(), rejoin=True)
    assert 3 not in calm(network)
    network.run(3)
    assert calm(network) == [1, 2, 3]

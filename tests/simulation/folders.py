"""Folders: what happens to the data of a server, where all others have seen enough to tell.

A folder that nobody has seen more of than it holds cannot be told from one that lost its power
at that moment: no protocol sees that, and so it does not happen here.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from tests.simulation.disk import SimulatedDisk

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation


class Folders:
    """Empties folders, copies them, and puts copies back; the true one is kept, as a person
    would, until the server was let in without it."""

    def __init__(self, cluster: Simulation) -> None:
        self._cluster = cluster
        self._copies: dict[int, list[SimulatedDisk]] = {number: [] for number in cluster.ids}
        self._true: dict[int, SimulatedDisk] = {}  # at most one server misses its own

    def copy(self) -> None:
        """Of all servers, also of those that run: what they have synced."""
        for number, disk in self._cluster.disks.items():
            self._copies[number].append(deepcopy(disk))

    def empty(self, number: int) -> None:
        self._exchange(number, self._cluster.new_disk(), "emptied")

    def empty_of_a_cluster(self, number: int) -> None:
        """Of the others each has been in a view: what nobody has seen of it matters to none, as
        a blank one counts for nothing there."""
        disks = self._cluster.disks
        if all(disk.members for peer, disk in disks.items() if peer != number):
            self._exchange(number, self._cluster.new_disk(), "emptied", known=True)

    def put_back(self, number: int) -> None:
        copies = self._copies[number]
        if copies:
            self._exchange(number, deepcopy(self._cluster.world.random.choice(copies)), "put back")

    def exchange_for_any(self, number: int, present: list[int]) -> bool:
        """For a copy, or an empty one, of which somebody who is present has seen more; all else
        is well, so those that start together also ask each other. False if there is none."""
        cluster = self._cluster
        choices = [*self._copies[number], cluster.new_disk()]
        cluster.world.random.shuffle(choices)
        for disk in choices:
            if any(cluster.disks[peer].saw_more_than(number, disk) for peer in present):
                self._exchange(number, deepcopy(disk), "put back", known=True)
                return bool(self._true)
        return False

    def return_true_ones(self) -> list[int]:
        """Whose own folder was missing until now; all others have what they had."""
        self._forget_the_accepted()
        returned = list(self._true)
        for number, disk in self._true.items():
            self._cluster.nemesis.kill(number)
            self._cluster.disks[number] = disk
            self._cluster.forget(number)
            self._cluster.world.say(f"server {number} gets its own folder again")
            self._cluster.start(number)
        self._true.clear()
        return returned

    def _exchange(self, number: int, disk: SimulatedDisk, how: str, known: bool = False) -> None:
        self._forget_the_accepted()
        if set(self._true) - {number} or not (known or self._is_known(number, disk)):
            return
        cluster = self._cluster
        cluster.nemesis.kill(number)
        cluster.world.fault(f"folders {how}", f"the folder of server {number} is {how}")
        self._true.setdefault(number, cluster.disks[number])
        cluster.disks[number] = disk
        cluster.forget(number)

    def _forget_the_accepted(self) -> None:
        """A view that is newer than all that its own folder knew of has let it in."""
        disks = self._cluster.disks
        for number in list(self._true):
            if disks[number].installed > self._true[number].installed:
                del self._true[number]

    def _is_known(self, number: int, disk: SimulatedDisk) -> bool:
        """Whether the disks of all others tell that this one is not the newest; and it does not
        hold a view of its server alone, which goes on without asking for anybody's word."""
        others = [d for peer, d in self._cluster.disks.items() if peer != number]
        return disk.members != [number] and all(d.saw_more_than(number, disk) for d in others)

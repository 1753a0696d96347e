"""Nemesis: what goes wrong, when and to whom, and the peace at the end."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from chat.core.replication.messages import (
    Install,
    Installed,
    Join,
    Message,
    Promise,
    Propose,
    Start,
)
from tests.simulation.process import Process

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

_OF_A_CHANGE = (Propose, Promise, Install, Installed, Join, Start)
_COLD = (
    *("kill", "kill two", "kill all", "power", "restart", "restart some", "pause", "isolate"),
    *("slow disk", "fast disk"),  # so that much is lost that was not synced
)


class Nemesis:
    """Strikes at random moments and, when armed, in the midst of a step or of a change."""

    def __init__(self, cluster: Simulation) -> None:
        self._cluster = cluster
        self._world = cluster.world
        self._random = cluster.world.random
        self._at_peace = True
        self._strikes = 0  # how many messages of a view change will bring misfortune
        self._crash_points = 0.0  # how likely a process dies between two effects of a step
        self._faults: dict[str, Callable[[int, int, float], None]] = {
            "kill": lambda one, _other, _s: self.kill(one),
            "kill two": lambda one, other, _s: self._kill_all((one, other)),
            "kill all": lambda _one, _other, _s: self._kill_all(cluster.ids),
            "power": lambda one, _other, _s: self.kill(one, power=True),
            "stop": lambda one, _other, _s: self.stop(one),
            "restart": lambda one, _other, _s: cluster.start(one),
            "restart some": lambda _one, _other, _s: self._restart_some(),
            "pause": lambda one, _other, length: self.pause(one, length),
            "isolate": lambda one, _other, length: self.isolate(one, length),
            "pair": lambda one, other, length: self._cut({(one, other), (other, one)}, length),
            "one way": lambda one, other, length: self._cut({(one, other)}, length),
            "wall": lambda one, other, length: cluster.network.wall(one, other, length),
            "split": lambda _one, _other, length: self._split(length),
            "heal": lambda _one, _other, _s: cluster.network.heal(),
            "leave behind": lambda one, _other, length: self._leave_behind(one, length),
            "slow disk": lambda one, _other, _s: self._slow_disk(one),
            "fast disk": lambda one, _other, _s: cluster.slowness.update({one: 1.0}),
            "strike": lambda _one, _other, _s: self._arm(),
            "broken stream": lambda one, other, _s: self._break_stream(one, other),
        }
        self._of_folders: dict[str, Callable[[int, int, float], None]] = {
            "copy": lambda _one, _other, _s: cluster.folders.copy(),
            "empty": lambda one, _other, _s: cluster.folders.empty(one),
            "put back": lambda one, _other, _s: cluster.folders.put_back(one),
        }

    # -- a war and its end --

    @property
    def is_at_peace(self) -> bool:
        return self._at_peace

    def begin(self, profile: str) -> None:
        self._at_peace = False
        network, random = self._cluster.network, self._random
        faults = list(self._faults)
        faults.remove("kill all")
        chosen = random.sample(faults, random.randint(2, len(faults)))
        if profile == "folders":
            self._faults.update(self._of_folders)
            chosen = [*chosen, *self._of_folders, *random.sample(_COLD, 4)]
        network.loss = random.choice((0, 0.01, 0.05))
        network.slowness = random.choice((0, 0.02, 0.1))
        network.duplicates = random.choice((0, 0.02))
        self._crash_points = random.choice((0, 0, 0.002, 0.02))
        gap_s = random.choice((0.4, 0.8, 1.6, 3.0))
        self._world.after(
            self._world.between(0, 2),
            lambda: self._strike_on(list(_COLD) if profile == "cold" else chosen, gap_s),
        )

    def _strike_on(self, faults: list[str], gap_s: float) -> None:
        if self._at_peace:
            return
        one, other = self._random.sample(self._cluster.ids, 2)
        length = self._random.choice((0.4, 1.5, 3, 6)) * self._world.between(0.5, 1.5)
        self._faults[self._random.choice(faults)](one, other, length)
        self._world.after(
            self._random.expovariate(1 / gap_s), lambda: self._strike_on(faults, gap_s)
        )

    def strike(self, fault: str, one: int, length_s: float) -> None:
        """Unless there is peace."""
        if not self._at_peace:
            self._faults[fault](one, one, length_s)

    def make_peace(self) -> None:
        """Everything runs, and nothing is lost or late."""
        self._at_peace = True
        self._strikes, self._crash_points = 0, 0.0
        cluster = self._cluster
        network = cluster.network
        network.heal()
        network.loss = network.slowness = network.duplicates = 0.0
        for number in cluster.ids:
            cluster.slowness[number] = 1.0
            if number in cluster.processes:
                self.resume(cluster.processes[number])
            cluster.start(number)

    # -- single faults --

    def kill(self, number: int, power: bool = False) -> None:
        """With the power its machine goes silent; without a word nobody is refused."""
        if power:
            self._cluster.powered[number] = False
        process = self._cluster.processes.get(number)
        if process is None or not process.alive:
            return
        how = "loses power" if power else "is killed"
        self._world.fault("power losses" if power else "kills", f"server {number} {how}")
        process.die()
        if not power:
            self._cluster.network.break_streams(number)

    def _kill_all(self, numbers: tuple[int, ...]) -> None:
        for number in numbers:
            self.kill(number)

    def stop(self, number: int) -> None:
        """A clean end: fenced first, then the farewell, then gone."""
        process = self._cluster.processes.get(number)
        if process is None or not process.alive or process.paused:
            return
        self._world.fault("clean stops", f"server {number} is stopped")
        process.carry_out(process.replica.shut_down(process.now))
        if process.alive:
            process.end()
            self._cluster.network.break_streams(number)

    def _restart_some(self) -> None:
        ids = self._cluster.ids
        for number in self._random.sample(ids, self._random.randint(1, len(ids))):
            self._cluster.start(number)

    def pause(self, number: int, duration_s: float) -> None:
        process = self._cluster.processes.get(number)
        if process is not None and process.alive and not process.paused:
            self._world.fault("pauses", f"server {number} is paused")
            process.paused = True
            self._world.after(duration_s, lambda: self.resume(process))

    def resume(self, process: Process) -> None:
        if process.paused:
            self._world.say(f"server {process.number} goes on")
            process.resume()

    def isolate(self, number: int, duration_s: float | None = None) -> None:
        others = [peer for peer in self._cluster.ids if peer != number]
        self._cut({(number, p) for p in others} | {(p, number) for p in others}, duration_s)

    def _cut(self, pairs: set[tuple[int, int]], duration_s: float | None) -> None:
        self._cluster.network.cut(pairs, duration_s)

    def _split(self, length: float) -> None:
        ids = self._cluster.ids
        side = {number for number in ids if self._world.chance() < 0.5}
        self._cut({(a, b) for a in ids for b in ids if (a in side) != (b in side)}, length)

    def _leave_behind(self, number: int, length: float) -> None:
        """One is paused or cut off, the others go on, die, and then it comes back."""
        how = self.pause if self._world.chance() < 0.5 else self.isolate
        how(number, length + self._world.between(-0.2, 2))
        for peer in self._cluster.ids:
            if peer != number:
                delay = length + self._random.choice((0, 0, 0.3, 1.5)) * self._world.chance()
                self._world.after(delay, partial(self._kill_in_war, peer))

    def _kill_in_war(self, number: int) -> None:
        if not self._at_peace:
            self.kill(number)

    def _slow_disk(self, number: int) -> None:
        self._world.fault("slow disks", f"the disk of server {number} is slow")
        self._cluster.slowness[number] = self._random.choice((20, 200, 1500))

    def _break_stream(self, number: int, peer: int) -> None:
        process = self._cluster.processes.get(number)
        if process is not None and process.alive:
            self._world.fault("broken streams", f"a stream of {number} to {peer} breaks")
            self._cluster.network.break_stream(process, peer)

    # -- in the midst of things --

    def _arm(self) -> None:
        self._strikes = self._random.randint(1, 4)

    def maybe_strike(self, process: Process) -> None:
        """Between two effects of a step."""
        if self._crash_points and process.alive and self._world.chance() < self._crash_points:
            self._world.counts["crashes within a step"] += 1
            self.kill(process.number, power=self._world.chance() < 0.2)

    def sees(self, moment: str, one: int, other: int = 0, message: Message | None = None) -> bool:
        """Something worth aiming at happens; True loses the message. It strikes at random."""
        return False

    def strikes_message(self, sender: int, receiver: int, message: Message) -> bool:
        """A message of a view change arrives, and the worst happens; True loses it."""
        if not self._strikes or not isinstance(message, _OF_A_CHANGE):
            return False
        if self._world.chance() > 0.3:
            return False
        self._strikes -= 1
        self._world.counts["strikes in a view change"] += 1
        ids = self._cluster.ids
        victim = self._random.choice((self._random.choice(ids), sender, receiver))
        chance = self._world.chance()
        if chance < 0.3:
            self.kill(victim)
        elif chance < 0.45:
            self.pause(victim, self._world.between(0.3, 6))
        elif chance < 0.7:
            self.isolate(victim, self._world.between(0.3, 8))
        elif chance < 0.85:
            one, other = self._random.sample(ids, 2)
            self._cut({(one, other), (other, one)}, self._world.between(0.3, 8))
        else:
            return True
        return False

"""Director: a nemesis that follows a script, step by step, and aims at moments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from chat.core.replication.messages import Message
from chat.core.state.operations.post_message import PostMessage
from tests.simulation import aimed
from tests.simulation.nemesis import Nemesis
from tests.simulation.process import Process
from tests.simulation.script import EVERYBODY, SENDER, Script, Step

if TYPE_CHECKING:
    from tests.simulation.guided import Guided

_PATIENCE_S = 3.0  # a moment that does not come is waited for no longer
_FIRST_PATIENCE_S = 7.0  # ...the first view may need that
_RUSH_WRITES = 25
_HALF_TOLD_S = 4.0  # so that others may vote about a view that they did not hear of
# Messages that are no news: of them only a step that waits for one takes note.
_OF_A_VIEW = ("Propose", "Promise", "Install", "Installed")
_DULL = ("Append", "Appended")


@dataclass(slots=True)
class Trap:
    moment: str
    skips: int
    lost: str
    newcomer: int
    sprung: bool = False

    def meets(self, moment: str, receiver: int) -> bool:
        """True loses the message."""
        if moment == self.moment and not self.sprung:
            self.sprung = self.skips == 0
            self.skips -= 1
        return moment == self.lost and receiver == self.newcomer


class Director(Nemesis):
    """`at` is the step that is waited for."""

    def __init__(self, cluster: Guided, script: Script) -> None:
        super().__init__(cluster)
        self._guided = cluster
        self._script = script
        self._at = -1
        self._awaited: Step | None = None
        self._skips = 0
        self._mutes: dict[int, tuple[int, frozenset[int], str]] = {}
        self._number = 0
        self._trap: Trap | None = None
        self._by_fault: dict[str, Callable[[int, int, Step], None]] = {
            "kill": lambda one, _other, _step: self.kill(one),
            "kill others": lambda one, _other, _step: self._leave_alone(one),
            "power": lambda one, _other, _step: self.kill(one, power=True),
            "power of all": lambda _one, _other, _step: self._power_of_all(),
            "stop": lambda one, _other, _step: self.stop(one),
            "bounce": lambda one, _other, _step: self._bounce(one),
            "start": lambda one, _other, _step: cluster.start(one),
            "start all": lambda _one, _other, _step: self._start_all(),
            "start one": lambda _one, _other, _step: self._start_one(),
            "pause": lambda one, _other, step: self.pause(one, step.length_s),
            "resume": lambda _one, _other, _step: self._resume_all(),
            "isolate": lambda one, _other, step: self.isolate(one, step.length_s),
            "pair": lambda one, other, step: self._cut_links(one, other, step, both=True),
            "one way": lambda one, other, step: self._cut_links(one, other, step, both=False),
            "wall": lambda one, other, step: self._wall(one, other, step),
            "mute": lambda one, other, step: self._mute(one, other, step),
            "half told": lambda _one, _other, step: self._half_tell(step),
            "unanswered": lambda one, _other, step: self._leave_unanswered(one, step),
            "split": lambda _one, _other, step: self._split(step.length_s),
            "heal": lambda _one, _other, _step: self._heal(),
            "slow disk": lambda one, _other, _step: self._slow_disk(one),
            "hung disk": lambda one, _other, step: cluster.hang_disk(one, step.length_s),
            "fast disks": lambda _one, _other, _step: self._fast_disks(),
            "broken stream": lambda one, other, _step: self._break_streams(one, other),
            "again": lambda _one, _other, _step: None,  # see `_strike`
            "snapshots": lambda _one, _other, step: self._send_snapshots(step),
            "slow catch-up": lambda one, _other, step: self._slow_catch_up(one, step),
            "other configuration": lambda one, _other, step: cluster.misconfigure(
                one, step.length_s
            ),
            "empty disk": lambda one, _other, _step: cluster.empty_disk(one),
            "wrong address": lambda one, other, _step: self._misaddress(one, other),
            "full queue": lambda one, _other, step: cluster.fill_queue(one, step.length_s),
            "many writes": lambda _one, _other, _step: self._many_writes(),
            "leave behind": lambda one, _other, step: self._leave_behind(one, step.length_s),
            "unaware": lambda one, other, step: aimed.keep_unaware(self, one, other, step.length_s),
            "other side": lambda one, _other, step: self._other_side(one, step.length_s),
            "restart others": lambda one, _other, _step: self._restart_others(one),
            "slow adoption": lambda one, _other, step: self._slow_adoption(one, step.length_s),
            "wrong clock": lambda one, _other, _step: cluster.walls.go_wrong(one),
            "copy": lambda _one, _other, _step: cluster.folders.copy(),
            "put back": lambda one, _other, _step: cluster.folders.put_back(one),
            "empty folder": lambda one, _other, _step: cluster.folders.empty_of_a_cluster(one),
            "nothing": lambda _one, _other, _step: None,
        }

    # -- the script --

    @property
    def is_done(self) -> bool:
        return self._at >= len(self._script.steps)

    def begin(self, profile: str) -> None:
        weather, network = self._script.weather, self._cluster.network
        self._at_peace = False
        network.loss, network.slowness = weather.loss, weather.lateness
        network.duplicates = weather.duplicates
        self._crash_points = weather.crash_points
        self._go_on()

    def make_peace(self) -> None:
        super().make_peace()
        self._mutes.clear()
        network = self._cluster.network
        network.without_pongs.clear()
        network.forged.clear()
        network.catch_up_delay_s.clear()
        network.adoption_s.clear()
        network.snapshots = self._script.weather.snapshots
        self._guided.make_peace()

    def _go_on(self) -> None:
        self._at += 1
        if self.is_done or self._at_peace:
            return
        step, at = self._script.steps[self._at], self._at
        if not step.moment:
            self._world.after(step.delay_s, lambda: self._strike(step, 0, 0, None))
            return
        self._awaited, self._skips = step, step.skips

        def comes_no_more() -> None:
            if self._at == at and self._awaited is step:
                self._awaited = None
                self._strike(step, 0, 0, None)

        patience_s = _PATIENCE_S if self._script.weather.calm_s else _FIRST_PATIENCE_S
        self._world.after(patience_s, comes_no_more)

    def sees(self, moment: str, one: int, other: int = 0, message: Message | None = None) -> bool:
        """Something happens between two servers, or at one; True loses the message."""
        if moment not in _DULL:
            self._guided.coverage.met(moment, one, other)
        trap = self._trap
        if trap is not None and trap.meets(moment, other):
            return True
        step = self._awaited
        if step is None or step.moment != moment:
            return False
        if self._skips:
            self._skips -= 1
            return False
        self._awaited = None
        # Not in the midst of the step in which it happens, except where it is about a message.
        strike = partial(self._strike, step, one, other, message)
        if step.delay_s or message is None:
            self._world.after(step.delay_s, strike)
        else:
            strike()
        return step.loses

    def strikes_message(self, sender: int, receiver: int, message: Message) -> bool:
        kind = type(message).__name__
        for one, others, what in self._mutes.values():
            if one == sender and receiver in others and what in ("", kind):
                return True
        return self.sees(kind, sender, receiver, message)

    def _strike(self, step: Step, sender: int, receiver: int, message: Message | None) -> None:
        if self._at_peace:
            return
        one, other = step.one, step.other
        if one != EVERYBODY:
            one = self._who(one, sender, receiver)
        if other != EVERYBODY:
            other = self._who(other, sender, receiver)
        self._world.say(f"step {self._at}: {step.fault} {one} {other} for {step.length_s} s")
        self._world.counts[f"steps: {step.fault}"] += 1
        if step.fault == "again":
            self._bring_again(step, sender, receiver, message)
        else:
            self._by_fault[step.fault](one, other, step)
        self._guided.coverage.met(step.fault, one, max(other, 0))
        self._go_on()

    def _who(self, wanted: int, sender: int, receiver: int) -> int:
        """A server's id; without a message its sender is who serves, its receiver the next one."""
        ids = self._cluster.ids
        if wanted > 0:  # a part of a script of five servers may strike among three
            return ids[(wanted - 1) % len(ids)]
        serving = next((p.number for p in self._cluster.living() if p.replica.serves), ids[0])
        one = sender or serving
        return one if wanted == SENDER else receiver or ids[ids.index(one) - 1]

    # -- a trap, when the script has ended --

    def set_trap(self, moment: str, skips: int, lost: str, newcomer: int) -> Trap:
        """Sprung when the moment comes for the next time but `skips`; from then on, until there
        is none, messages of the kind that is to be lost do not come to the newcomer."""
        self._trap = Trap(moment, skips, lost, newcomer)
        return self._trap

    def set_no_trap(self) -> None:
        self._trap = None

    # -- faults --

    def _others(self, one: int, other: int) -> frozenset[int]:
        if other == EVERYBODY:
            return frozenset(self._cluster.ids) - {one}
        return frozenset({other}) - {one}

    def _leave_alone(self, survivor: int) -> None:
        """All others die, and nothing keeps this one from going on, if it may."""
        for number in self._cluster.ids:
            if number != survivor:
                self.kill(number)
        self._heal()
        self._fast_disks()

    def _power_of_all(self) -> None:
        """All that was not synced is lost."""
        for number in self._cluster.ids:
            self._cluster.disks[number].lose_unsynced()
            self.kill(number, power=True)

    def _bounce(self, number: int) -> None:
        self.kill(number)
        self._cluster.start(number)

    def _restart_others(self, one: int) -> None:
        for number in self._cluster.ids:
            if number != one:
                self._bounce(number)

    def _other_side(self, one: int, length_s: float) -> None:
        """The cut that there is heals, and another one is there."""
        self._heal()
        self.isolate(one, length_s)

    def _slow_adoption(self, one: int, length_s: float) -> None:
        slow = self._cluster.network.adoption_s
        slow[one] = min(length_s, 2.0)
        self._world.after(8.0, lambda: slow.pop(one, None))

    def _start_all(self) -> None:
        for number in self._cluster.ids:
            self._cluster.start(number)

    def _start_one(self) -> None:
        processes = self._cluster.processes
        down = [n for n in self._cluster.ids if n in processes and not processes[n].alive]
        if down:
            self._cluster.start(self._random.choice(down))

    def _resume_all(self) -> None:
        for process in list(self._cluster.living()):
            self.resume(process)

    def _cut_links(self, one: int, other: int, step: Step, both: bool) -> None:
        pairs = {(one, peer) for peer in self._others(one, other)}
        self._cut(pairs | {(b, a) for a, b in pairs} if both else pairs, step.length_s)

    def _wall(self, one: int, other: int, step: Step) -> None:
        for peer in sorted(self._others(one, other)):
            self._cluster.network.wall(one, peer, step.length_s)

    def _misaddress(self, one: int, other: int) -> None:
        """Others answer where it looks for them; they are told apart, so nobody does."""
        for peer in sorted(self._others(one, other)):
            self._cluster.network.wall(one, peer)
            self._break_stream(one, peer)

    def _mute(self, one: int, other: int, step: Step) -> None:
        """What one says by its stream is lost, though its pings arrive."""
        self._number += 1
        number = self._number
        self._mutes[number] = (one, self._others(one, other), step.what)
        self._world.after(step.length_s, lambda: self._mutes.pop(number, None))

    def _half_tell(self, step: Step) -> None:
        """What the leader says of a view reaches only the next in line, for some attempts."""
        self._number += 1
        number, one = self._number, self._who(SENDER, 0, 0)
        told = min(peer for peer in self._cluster.ids if peer != one)
        kind = step.what if step.what in _OF_A_VIEW else "Install"
        self._mutes[number] = (one, self._others(one, EVERYBODY) - {told}, kind)
        length_s = step.length_s + _HALF_TOLD_S
        self._world.after(length_s, lambda: self._mutes.pop(number, None))

    def _leave_unanswered(self, one: int, step: Step) -> None:
        """The answers to its pings are lost."""
        unanswered = self._cluster.network.without_pongs
        unanswered.add(one)
        self._world.after(step.length_s, lambda: unanswered.discard(one))

    def _heal(self) -> None:
        self._cluster.network.heal()
        self._mutes.clear()
        self._cluster.network.without_pongs.clear()

    def _fast_disks(self) -> None:
        for number in self._cluster.ids:
            self._cluster.slowness[number] = 1.0

    def _break_streams(self, one: int, other: int) -> None:
        for peer in sorted(self._others(one, other)):
            self._break_stream(one, peer)

    def _send_snapshots(self, step: Step) -> None:
        network, before = self._cluster.network, self._script.weather.snapshots
        network.snapshots = 1.0
        self._world.after(step.length_s, lambda: setattr(network, "snapshots", before))

    def _slow_catch_up(self, one: int, step: Step) -> None:
        delays = self._cluster.network.catch_up_delay_s
        for source in self._cluster.ids if one == EVERYBODY else (one,):
            delays[source] = min(step.length_s, 4.0)
        self._world.after(8.0, delays.clear)

    def _many_writes(self) -> None:
        for process in list(self._cluster.living()):
            if process.replica.serves:
                process.do(partial(self._rush, process))

    def _rush(self, process: Process) -> None:
        if not self._cluster.real_chat:
            times = [self._cluster.next_time() for _ in range(_RUSH_WRITES)]
            posts = [PostMessage(f"rush {at}", "ada", "grace", "hello", at) for at in times]
            process.write(list(posts), lambda _at: lambda _result: None)

    def _bring_again(self, step: Step, sender: int, receiver: int, message: Message | None) -> None:
        """The message comes once more, much later; its sender may be another process then."""
        process = self._cluster.processes.get(sender)
        if message is not None and process is not None:
            delay_s = step.length_s
            self._world.after(
                delay_s, lambda: self._cluster.network.bring(process, receiver, message)
            )

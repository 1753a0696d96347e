"""Endings: when a script has ended, what the promises say must be possible then."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from tests.simulation.midst import in_the_midst, put_back
from tests.simulation.oracle import Violation

if TYPE_CHECKING:
    from tests.simulation.guided import Guided

_WRITES_WITHIN_S = 8.0
_STEP_S = 0.05


def _peace(cluster: Guided) -> None:
    cluster.director.make_peace()
    cluster.check_progress_with_its_own_folders()


def _kills(cluster: Guided) -> None:
    """All may die that the rules allow to, at any moment, and the rest goes on."""
    _peace(cluster)
    if cluster.rules.survivors and not cluster.rules.trust_refusals:
        return
    cluster.kill_all_that_may_die()


def _last_two(cluster: Guided) -> None:
    """Of the last two one sleeps, or its disk does; the other dies, or goes on without."""
    _peace(cluster)
    random, rules = cluster.world.random, cluster.rules
    if not (rules.survivors and rules.trust_refusals):
        return
    one, other, *rest = random.sample(cluster.ids, len(cluster.ids))
    for number in rest:
        cluster.director.kill(number)
    cluster.check_progress({one, other})
    if random.random() < 0.5:
        length_s = cluster.world.between(0.2, 6)
        cluster.director.pause(one, length_s)
        cluster.world.run_until(cluster.world.now + cluster.world.between(0, length_s))
        cluster.director.kill(other)
        cluster.world.run_until(cluster.world.now + length_s)
        cluster.check_progress({one})
    else:
        cluster.hang_disk(one, 12.0)
        _expect_writes(cluster, _WRITES_WITHIN_S)
        cluster.make_peace()
        cluster.world.run_until(cluster.world.now + 14)
        cluster.check_progress({one, other})


def _mild(cluster: Guided) -> None:
    """One thing goes wrong in a cluster that is well: it is without service for a moment only."""
    _peace(cluster)
    random, director, network = cluster.world.random, cluster.director, cluster.network
    one, other = random.sample(cluster.ids, 2)
    kinds = ("newcomer", "forged", "isolate", "pair", "one way", "wall", "pause")
    kind = random.choice((random.choice(kinds), "newcomer", "forged", "unreached", "kill"))
    within_s = 6.0
    if kind == "unreached":  # one that hears all but the leader, which it has to ask
        director.kill(one)
        cluster.check_progress(set(cluster.ids) - {one})
        leader = next(p.number for p in cluster.living() if p.replica.serves)
        network.cut({(one, leader), (leader, one)})
        cluster.start(one)
        within_s = 1.5
    elif kind == "kill" and cluster.rules.survivors and cluster.rules.trust_refusals:
        cluster.world.run_until(cluster.world.now + 3.0)
        director.kill(one)
        within_s = 1.5
    elif kind == "newcomer":  # one that is not heard by some other, or does not hear it
        within_s = 8.0
        director.kill(one)
        cluster.world.run_until(cluster.world.now + cluster.world.between(0.5, 4))
        network.wall(*random.choice(((other, one), (one, other))))
        cluster.start(one)
    elif kind == "forged":  # a leader that it struck would be as if cut off
        for process in list(cluster.living()):  # any stream may break by chance
            if random.random() < 0.5:
                director._break_stream(process.number, min(one, other))
        cluster.world.run_until(cluster.world.now + random.choice((0.0, 0.03, 1.0)))
        cluster.forge_refusals(max(one, other), min(one, other))
        within_s = 2.0
    elif kind == "isolate":
        director.isolate(one)
    elif kind == "pause":
        director.pause(one, 20.0)
    elif kind == "wall":
        network.wall(one, other)
    else:
        network.cut({(one, other)} | ({(other, one)} if kind == "pair" else set()))
        leader = next((p.number for p in cluster.living() if p.replica.serves), 0)
        if leader in (one, other) and cluster.script.weather.drift <= 0.1:
            within_s = 3.6  # a third, which hears both, shuns one before it is asked to
    _expect_writes(cluster, within_s)
    _peace(cluster)


def _expect_writes(cluster: Guided, within_s: float) -> None:
    """For a while a write is acknowledged at least so often."""
    world, counts = cluster.world, cluster.oracle.counts
    ends, last, acknowledged = world.now + within_s + 3, world.now, counts["writes acknowledged"]
    while world.now < ends:
        world.run_until(world.now + _STEP_S)
        if counts["writes acknowledged"] > acknowledged:
            acknowledged, last = counts["writes acknowledged"], world.now
        if world.now - last > within_s:
            state = "; ".join(map(str, cluster.processes.values()))
            raise Violation(f"no write for {within_s} s: {state}")


def _parted(cluster: Guided) -> None:
    """Refusals forged on all sides make each lead alone. Once they meet one goes on, and the
    others stand aside."""
    _peace(cluster)
    if not cluster.plan.parts or not (cluster.rules.survivors and cluster.rules.trust_refusals):
        return
    for one, other in itertools.permutations(cluster.ids, 2):
        cluster.forge_refusals(one, other)
    cluster.world.run_until(cluster.world.now + cluster.world.between(1.0, 4.0))
    cluster.director.make_peace()
    cluster.check_one_goes_on()


def _nothing(cluster: Guided) -> None:
    """Only what was seen on the way counts."""


ENDINGS: Final[dict[str, Callable[[Guided], None]]] = {
    "peace": _peace,
    "none": _nothing,
    "kills": _kills,
    "last two": _last_two,
    "mild": _mild,
    "in the midst": in_the_midst,
    "folders": put_back,
    "parted": _parted,
}

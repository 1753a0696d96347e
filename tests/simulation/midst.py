"""Midst: endings in which all is well, and then servers die, or folders are exchanged, just when
somebody is let in. Nothing else goes wrong, so what is promised must hold to the letter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.simulation import NoProgress

if TYPE_CHECKING:
    from tests.simulation.guided import Guided

_MOMENTS = ("Join", "Propose", "Promise", "promises", "Install", "Install", "installs", "Installed",
            "Start", "snapshot", "serves", "acknowledged")  # fmt: skip
_COMES_WITHIN_S = 4.0
_SETTLES_S = 12.0


def in_the_midst(cluster: Guided) -> None:
    """One is let in, and at some moment of it as many die as may. At least one that was a member
    before is left, and goes on with whoever else is."""
    cluster.director.make_peace()
    cluster.check_progress_with_its_own_folders()
    rules, random = cluster.rules, cluster.world.random
    if rules.survivors and not rules.trust_refusals:
        return
    newcomer = random.choice(cluster.ids)
    old = [number for number in cluster.ids if number != newcomer]
    cluster.director.kill(newcomer)
    cluster.check_progress(old)
    if random.random() < 0.3:
        cluster.empty_disk(newcomer)
    most = len(cluster.ids) - 1 if rules.survivors else (len(cluster.ids) - 1) // 2
    # By majority one that is not yet let in counts among those that may fail.
    others = min(most, len(old) - 1) if rules.survivors else most - 1
    victims = random.sample(old, random.randint(min(1, others), others))
    if not victims or (len(victims) < most and random.random() < 0.3):
        victims.append(newcomer)
    lost = random.choice(("", "Install", "Install", "Installed", "Start", "Append"))
    trap = cluster.director.set_trap(
        random.choice(_MOMENTS), random.choice((0, 0, 1, 2, 3)), lost, newcomer
    )
    cluster.start(newcomer)
    ends = cluster.world.now + _COMES_WITHIN_S
    while not trap.sprung and cluster.world.now < ends:
        cluster.world.run_until(cluster.world.now + 0.002)
    cluster.world.run_until(cluster.world.now + random.choice((0.0, 0.0, random.uniform(0, 0.8))))
    for victim in victims:
        cluster.director.kill(victim)
        cluster.world.run_until(cluster.world.now + random.choice((0.0, random.uniform(0, 0.5))))
    cluster.director.set_no_trap()
    cluster.check_progress(set(cluster.ids) - set(victims))


def put_back(cluster: Guided) -> None:
    """All end; then the folder of one is that of earlier, or empty, and as many start as may
    begin. One of these has seen more of that folder, and so nothing is lost: they wait."""
    director, world = cluster.director, cluster.world
    random, ids = world.random, cluster.ids
    director.make_peace()
    cluster.check_progress_with_its_own_folders()
    cluster.folders.copy()
    for _ in range(random.randint(1, 4)):
        number = random.choice(ids)
        if random.random() < 0.6 and len([*cluster.living()]) > len(ids) // 2 + 1:
            director.kill(number)
        cluster.folders.copy()
        world.run_until(world.now + random.choice((0.1, 3.0)))
        if random.random() < 0.6:
            cluster.start(number)
        world.run_until(world.now + random.choice((0.5, 4.0)))
    for number in ids:
        director.kill(number)
    victim = random.choice(ids)
    others = [number for number in ids if number != victim]
    size = len(others) if cluster.rules.survivors else random.randint(len(ids) // 2, len(others))
    present = random.sample(others, size)
    if not cluster.folders.exchange_for_any(victim, present):
        return
    for number in (victim, *present):
        cluster.start(number)
    world.run_until(world.now + _SETTLES_S)
    for number in ids:
        cluster.start(number)
    try:
        cluster.check_progress(ids)
    except NoProgress:
        if not cluster.folders.return_true_ones():
            raise
        cluster.check_progress(ids)

"""Aimed: faults that last until something has come of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.director import Director

_LOOKS_EVERY_S = 0.1
_WAITS_S = 8.0


def keep_unaware(director: Director, one: int, other: int, length_s: float) -> None:
    """`one` is cut off until the others serve without it. Then it is among them again, and what
    it asks is not answered; with `other` it has no words at all."""
    cluster = director._cluster
    world, network = cluster.world, cluster.network
    ends = world.now + _WAITS_S
    director.isolate(one, _WAITS_S)

    def look() -> None:
        if director.is_at_peace or world.now > ends:
            return
        serving = (
            p.replica.report().installed.members for p in cluster.living() if p.number != one
        )
        if not any(one not in members for members in serving):
            world.after(_LOOKS_EVERY_S, look)
            return
        network.heal()
        network.without_pongs.add(one)
        world.after(length_s, lambda: network.without_pongs.discard(one))
        if other > 0 and other != one and world.random.random() < 0.5:
            network.cut({(one, other), (other, one)}, length_s)

    look()

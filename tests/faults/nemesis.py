"""Nemesis: one fault after the other, drawn by a seed, and in the end everything whole again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from tests.faults.network import Network
from tests.faults.processes import Servers


class Nemesis:
    """Kills, freezes and cuts, and mends some of it, without regard for what is left."""

    def __init__(self, servers: Servers, network: Network, seed: int) -> None:
        self._servers, self._network = servers, network
        self._random = random.Random(seed)
        self._frozen: set[int] = set()
        self.story: list[str] = []

    def harm(self, faults: int, pause_s: float) -> None:
        acts: list[Callable[[], None]] = [
            self._kill, self._kill, self._start, self._start, self._freeze, self._thaw,
            self._cut, self._cut, self._heal, self._tear,
        ]  # fmt: skip
        for _ in range(faults):
            self._random.choice(acts)()
            time.sleep(self._random.expovariate(1 / pause_s))

    def mend(self) -> None:
        self._note("mend")
        self._network.heal()
        for server_id in tuple(self._frozen):
            self._wake(server_id)
        self._bring_back(self._dead())

    def _note(self, what: str) -> None:
        self.story.append(f"{time.strftime('%H:%M:%S')} {what}")

    def _dead(self) -> list[int]:
        return [n for n in self._servers.ids if n not in self._servers.processes]

    def _some(self, of: list[int]) -> list[int]:
        """One mostly, sometimes all that there are."""
        count = min(len(of), self._random.choice((1, 1, 1, 2, 3)))
        return sorted(self._random.sample(of, count))

    def _kill(self) -> None:
        dying = self._some(sorted(self._servers.processes))
        if dying:
            self._note(f"kill {dying}")
            self._servers.kill(*dying)
            self._frozen -= set(dying)
            for server_id in dying:
                self._network.is_dead(server_id)

    def _start(self) -> None:
        self._bring_back(self._some(self._dead()))

    def _bring_back(self, server_ids: list[int]) -> None:
        if server_ids:
            self._note(f"start {server_ids}")
            for server_id in server_ids:
                self._network.is_dead(server_id, dead=False)
            self._servers.start(*server_ids)

    def _freeze(self) -> None:
        awake = sorted(self._servers.processes.keys() - self._frozen)
        if awake:
            server_id = self._random.choice(awake)
            self._note(f"freeze {server_id}")
            self._servers.freeze(server_id)
            self._frozen.add(server_id)

    def _thaw(self) -> None:
        if self._frozen:
            self._wake(self._random.choice(sorted(self._frozen)))

    def _wake(self, server_id: int) -> None:
        self._note(f"thaw {server_id}")
        self._servers.thaw(server_id)
        self._frozen.remove(server_id)

    def _cut(self) -> None:
        one, other = self._random.sample(self._servers.ids, 2)
        self._note(f"cut {one} {other}")
        self._network.cut(one, other)

    def _heal(self) -> None:
        self._note("heal the links")
        self._network.heal()

    def _tear(self) -> None:
        self._note("tear connections in half")
        self._network.half_close()

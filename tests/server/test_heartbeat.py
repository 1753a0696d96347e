"""How often a server looks what is due, and how often it asks the others, by a clock of ours."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from chat.server import heartbeat as module
from chat.server.heartbeat import Heartbeat

PERIOD_S = 5 / 16  # of which a fifth is exact


@dataclass
class Server:
    """What a heartbeat needs of the machine, and the time."""

    calm: bool = True
    now: float = 100.0
    ticks: int = 0
    pings: int = 0
    hurries: int = 0
    heartbeat: Heartbeat = field(init=False)

    def __post_init__(self) -> None:
        machine: Any = self
        self.heartbeat = Heartbeat(machine, lambda: PERIOD_S, lambda _: None, self._hurry)

    def _hurry(self) -> None:
        self.hurries += 1

    def tick(self) -> None:
        self.ticks += 1

    def ping(self) -> None:
        """Nothing is said, but it was asked."""
        self.pings += 1

    def is_calm(self) -> bool:
        return self.calm

    def is_unsure(self) -> bool:
        return False

    def beat(self, heartbeats: float) -> None:
        """Ticks as often as it wants to, for so long."""
        until = self.now + heartbeats * PERIOD_S
        while self.now < until:
            self.now += self.heartbeat.tick()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    monkeypatch.setattr(module, "clock_s", lambda: made.now)
    return made


def test_a_server_at_rest_ticks_with_its_pings_alone(server: Server) -> None:
    """A tick that finds nothing to do costs as much as one that does."""
    server.beat(19.5)
    assert (server.pings, server.ticks) == (20, 20)


def test_one_that_is_not_at_rest_ticks_five_times_as_often(server: Server) -> None:
    server.calm = False
    server.beat(19.5)
    assert server.pings == 20
    assert server.ticks == 98


def test_what_ends_the_rest_asks_for_one_tick_at_once(server: Server) -> None:
    server.beat(2.5)
    server.heartbeat.wake_if_restless()
    assert server.hurries == 0
    server.calm = False
    server.heartbeat.wake_if_restless()
    server.heartbeat.heard()
    assert server.hurries == 1  # more would ask for nothing more
    server.beat(1.0)
    server.calm = True
    server.beat(1.0)
    server.calm = False
    server.heartbeat.end()
    server.heartbeat.wake_if_restless()
    assert server.hurries == 1

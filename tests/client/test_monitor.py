"""The monitor looks when something may be due, and seldom else."""

from __future__ import annotations

import pytest

from chat.client.monitor import (
    ASK_ALL_EVERY_S,
    ASK_LEADER_EVERY_S,
    CHECK_EVERY_S,
    SILENCE_MAX_S,
    SILENCE_SUSPECT_S,
    Monitor,
)


class Watched:
    def __init__(self) -> None:
        self.now, self.silence, self.calm = 100.0, 0.0, True
        self.done: list[tuple[str, float]] = []
        self.monitor = Monitor(
            lambda: self.silence,
            lambda: self.done.append(("interrupt", self.now)),
            lambda: self.calm,
            lambda: self.done.append(("leader", self.now)),
            lambda: self.done.append(("all", self.now)),
        )

    def goes_on(self, seconds: float, beat_every_s: float = 0.0) -> int:
        """As the thread does, with a stream that beats or one that is silent from now on;
        answers how many times it looked."""
        began, until, steps = self.now, self.now + seconds, 0
        while self.now < until:
            if beat_every_s:
                self.silence = (self.now - began) % beat_every_s
            wait_s = self.monitor.step(self.now)
            assert wait_s >= CHECK_EVERY_S
            steps += 1
            self.now += wait_s
            self.silence += wait_s
        return steps

    def times(self, what: str) -> list[float]:
        return [at for name, at in self.done if name == what]


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_while_all_is_well_the_leader_is_asked_and_the_others_seldom(watched: Watched) -> None:
    assert watched.goes_on(60.0, beat_every_s=1.0) <= 75
    assert len(watched.times("all")) == pytest.approx(60.0 / ASK_ALL_EVERY_S, abs=1)
    asked = len(watched.times("all")) + len(watched.times("leader"))
    assert asked == pytest.approx(60.0 / ASK_LEADER_EVERY_S, abs=2)
    assert not watched.times("interrupt")


def test_while_nobody_looks_the_servers_are_asked_seldom_and_then_at_once(watched: Watched) -> None:
    watched.monitor.set_seen(False)
    watched.goes_on(60.0, beat_every_s=1.0)
    assert not watched.times("leader")
    assert len(watched.times("all")) == pytest.approx(60.0 / ASK_ALL_EVERY_S, abs=1)
    watched.done.clear()
    watched.monitor.set_seen(True)
    watched.monitor.step(watched.now)
    assert watched.times("all") == [watched.now]
    watched.monitor.set_seen(True)  # as before
    watched.monitor.step(watched.now)
    assert len(watched.done) == 1


def test_a_silent_stream_is_suspected_and_ended_no_later_than_before(watched: Watched) -> None:
    watched.goes_on(SILENCE_MAX_S + 3 * CHECK_EVERY_S)
    suspected = [at - 100.0 for at in watched.times("all") if at > 100.0]
    assert suspected[0] <= SILENCE_SUSPECT_S + CHECK_EVERY_S
    assert watched.times("interrupt")[0] - 100.0 <= SILENCE_MAX_S + 2 * CHECK_EVERY_S


def test_in_trouble_it_does_not_ask_by_itself(watched: Watched) -> None:
    watched.calm = False
    watched.goes_on(SILENCE_SUSPECT_S)
    assert not watched.done

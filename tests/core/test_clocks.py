"""AgreedClock: which clocks it believes, when, and what it says of the others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.core import limits
from chat.core.clocks import AgreedClock

NOW_MS = 1_800_000_000_000
MINUTE = 60_000
DAY = 24 * 60 * MINUTE
TRUST_S = int(limits.CLOCK_TRUST_S)


class Server:
    """One server's view of the clocks: `walls[0]` is its own, `None` is not heard. Its steady
    clock stands at 1,000 s when the real time is NOW_MS."""

    def __init__(self, *walls: int | None, log_ms: int = NOW_MS - 1_000, servers: int = 0) -> None:
        self.walls: list[int | None] = list(walls)
        self.steady = 1_000.0
        self.clock = AgreedClock(servers or len(walls), self.wall(0), self.steady, log_ms)
        self.passes(0.25).passes(0.25)

    @property
    def real_ms(self) -> int:
        return NOW_MS + round((self.steady - 1_000) * 1000)

    def wall(self, server: int) -> int:
        return self.real_ms + (self.walls[server] or 0)

    def passes(self, seconds: float) -> Server:
        """Clocks are looked at each second at least; answers take 20 ms."""
        end = self.steady + seconds
        while self.steady < end:
            self.steady = min(end, self.steady + 1.0)
            for peer in range(1, len(self.walls)):
                if self.walls[peer] is not None:
                    asked = self.steady - 0.02
                    self.clock.heard(peer, self.wall(peer) - 10, asked, self.steady)
            self.clock.check(self.wall(0), self.steady)
        return self

    def jumps(self, *walls: int | None) -> Server:
        """All are heard twice."""
        self.walls = list(walls)
        return self.passes(2.0)

    @property
    def wrong_ms(self) -> int:
        return self.clock.now_ms(self.steady) - self.real_ms

    @property
    def expiry_wrong_ms(self) -> int:
        return self.clock.expiry_ms(self.steady) - self.real_ms

    def said(self) -> list[str]:
        remarks = self.clock.remarks(0)
        return [remarks.get(server, "") for server in range(len(self.walls))]


@pytest.mark.parametrize("wrong", [40 * DAY, -DAY, -NOW_MS + 5_000_000, 2 * MINUTE])
def test_one_of_three_moves_nothing(wrong: int) -> None:
    server = Server(0, 0, 0)
    assert server.jumps(wrong, 0, 0).wrong_ms == 0
    assert server.jumps(0, wrong, 0).wrong_ms == 0
    assert Server(wrong, 0, 0).wrong_ms == 0
    assert Server(0, 0, wrong).wrong_ms == 0


def test_a_majority_is_believed_at_once() -> None:
    server = Server(0, 0, 0)
    assert server.jumps(0, DAY, DAY + 50).wrong_ms == DAY
    assert server.jumps(0, 0, DAY).wrong_ms == 0


def test_the_wrong_one_is_told_by_all() -> None:
    assert Server(40 * DAY, 0, 0).said() == ["Its clock is 40 days ahead: set it right.", "", ""]
    assert Server(0, 0, -3 * MINUTE).said()[2] == "Its clock is 3 minutes behind: set it right."
    assert Server(0, 900, -MINUTE).said() == ["", "", ""]


def test_of_two_that_differ_both_are_told_and_the_time_goes_on() -> None:
    server = Server(0, 0).jumps(DAY, 0)
    assert server.wrong_ms == 0
    first, second = server.said()
    assert first.startswith("Its clock and that of server 1 are 24 hours apart;")
    assert second.startswith("Its clock and that of server 0 are 24 hours apart;")
    assert server.passes(3 * TRUST_S).wrong_ms == 0
    assert server.jumps(0, 0).said() == ["", ""]


def test_a_lone_clock_that_jumps_is_believed_once_it_has_lasted() -> None:
    server = Server(0).passes(TRUST_S)
    assert server.jumps(40 * DAY).wrong_ms == 0
    assert server.said() == ["Its clock has jumped and is 40 days ahead: set it right."]
    assert server.jumps(0).wrong_ms == 0
    server.jumps(DAY).passes(TRUST_S - 10)
    assert server.wrong_ms == 0
    assert server.passes(11).wrong_ms == DAY
    assert server.said() == [""]


def test_a_lone_clock_is_followed_in_small_steps() -> None:
    server = Server(0).passes(TRUST_S)
    for second in range(1, 200):
        server.jumps(second * 500)
    assert server.wrong_ms == 199 * 500


def test_a_lone_clock_right_after_its_start_is_followed_but_ends_nothing() -> None:
    server = Server(40 * DAY)
    assert server.wrong_ms == 40 * DAY
    assert server.expiry_wrong_ms <= 0
    server.jumps(0)
    assert server.wrong_ms == 0
    assert server.passes(TRUST_S).expiry_wrong_ms == 0


def test_what_a_majority_found_wrong_is_not_believed_alone() -> None:
    server = Server(40 * DAY, 0, 0).jumps(40 * DAY, None, None)
    assert server.passes(10 * TRUST_S).wrong_ms == 0
    assert server.jumps(5 * DAY, None, None).passes(TRUST_S + 1).wrong_ms == 5 * DAY


def test_two_of_three_start_and_differ_the_log_knows_more() -> None:
    assert Server(0, 40 * DAY, servers=3).wrong_ms == 0
    assert Server(40 * DAY, 0, servers=3).wrong_ms == 0
    assert Server(-NOW_MS + 5_000_000, 0, servers=3).wrong_ms == 0, "a battery is empty"
    assert Server(0, -DAY, servers=3).wrong_ms == 0


def test_a_late_answer_says_nothing() -> None:
    server = Server(0, None, None)
    server.clock.heard(1, NOW_MS, server.steady - 3_600, server.steady)
    server.clock.check(server.wall(0), server.steady)
    assert server.said() == ["", "", ""]


def test_who_fell_silent_does_not_count_for_long() -> None:
    server = Server(0, 0, 0).jumps(0, None, None).passes(limits.CLOCK_HEARD_S)
    assert server.jumps(DAY, None, None).passes(TRUST_S + 1).wrong_ms == DAY


@given(
    servers=st.sampled_from([3, 5, 7]),
    steps=st.lists(
        st.lists(st.integers(-NOW_MS, 10**13), min_size=3, max_size=3), min_size=1, max_size=5
    ),
    skews=st.lists(st.integers(-20_000, 20_000), min_size=7, max_size=7),
    own_is_wrong=st.booleans(),
)
def test_no_minority_moves_the_time(
    servers: int, steps: list[list[int]], skews: list[int], own_is_wrong: bool
) -> None:
    wrong = servers // 2
    right: list[int | None] = list(skews[: servers - wrong])

    def walls(step: list[int]) -> list[int | None]:
        minority: list[int | None] = list(step[:wrong])
        return minority + right if own_is_wrong else right + minority

    server = Server(*walls(steps[0]))
    for step in steps:
        server.jumps(*walls(step))
        assert abs(server.wrong_ms) <= limits.CLOCK_SKEW_MAX_MS
        assert abs(server.expiry_wrong_ms) <= limits.CLOCK_SKEW_MAX_MS

"""What time it is, for servers that agree on it: no single wall clock moves it. Pure.

A wall clock is seen as its distance from this server's own steady clock, which no one sets:
so a jump of either shows at once. Wall clocks are milliseconds since 1970, `now` is seconds
on the steady clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from chat.core import limits


@dataclass(frozen=True, slots=True)
class _Heard:
    distance: float  # of the peer's wall clock from my steady one, milliseconds
    asked: float  # its clock was read after that
    at: float


class AgreedClock:
    """The agreed time is the steady clock plus a distance, which is

    - the median of all that are heard, while a majority of the servers agree within
      CLOCK_SKEW_MAX_MS (and more than one of them: nobody vouches for himself). What is new
      they have to say twice: a word of one that fell silent since, and one of another whose
      clock jumps later, are no majority of any moment;
    - else it stays as it was, and follows my own clock only in small steps. All that are
      heard have to agree on something else for CLOCK_TRUST_S before that is believed, and
      one that a majority found wrong is not believed alone.

    Until a majority has agreed, or nothing has jumped for CLOCK_TRUST_S, it is not `sure`:
    then it follows the earliest clock that the log does not contradict.
    `log_ms` is the time of the newest operation that this server has found on its disk.
    """

    def __init__(self, servers: int, wall_ms: int, now: float, log_ms: int) -> None:
        self.servers = servers
        self._log_ms = log_ms
        self._heard: dict[int, _Heard] = {}
        self._own = self._distance = _distance(wall_ms, now)
        self._known: dict[int, float] = {}  # of the peers that were heard lately
        self._refuted: float | None = None  # my own clock, as a majority found it wrong
        self._moved_at = now  # when the agreed time last jumped
        self._doubted_at: float | None = None  # since when all say something else
        self._majority = False
        self._claim: tuple[float, float] | None = None  # what a majority says, and since when
        self.is_calm = True  # no clock is far from the agreed time
        self.is_sure = False

    def heard(self, peer: int, wall_ms: int, asked: float, now: float) -> None:
        """What a peer's clock was when it answered, somewhere between `asked` and `now`."""
        if now - asked <= limits.CLOCK_ROUND_TRIP_MAX_S:
            self._heard[peer] = _Heard(_distance(wall_ms, (asked + now) / 2), asked, now)

    def check(self, wall_ms: int, now: float) -> None:
        """Looks at all clocks again; to be called every moment."""
        self._own = _distance(wall_ms, now)
        self._known = {
            peer: heard.distance
            for peer, heard in self._heard.items()
            if now - heard.at < limits.CLOCK_HEARD_S
        }
        distances = sorted((self._own, *self._known.values()))
        middle = distances[(len(distances) - 1) // 2]
        agreeing = sum(_near(distance, middle) for distance in distances)
        if not self._is_majority(agreeing):
            self._claim = None
        self._majority = self._is_majority(agreeing) and self._is_confirmed(middle, now)
        if self._majority:
            self._believe_the_majority(middle, now)
        elif not self.is_sure:
            self._grope(distances, now)
        else:
            self._go_on(middle, agreeing == len(distances), now)
        self.is_calm = _near(distances[0], self._distance) and _near(distances[-1], self._distance)

    def now_ms(self, now: float) -> int:
        """The time for a new operation."""
        return max(0, int(now * 1000 + self._distance))

    def expiry_ms(self, now: float) -> int:
        """The time by which something may be said to have expired: what only one clock says
        that has just been started ends nothing."""
        time = self.now_ms(now)
        return time if self.is_sure else min(time, self._log_ms)

    def _is_majority(self, agreeing: int) -> bool:
        return agreeing > 1 and 2 * agreeing > self.servers

    def _is_confirmed(self, middle: float, now: float) -> bool:
        """Whether the agreed time is that already, or a majority's clocks were all read again
        since it was first said: then they said it at one moment."""
        if self._claim is None or not _near(middle, self._claim[0]):
            self._claim = middle, now
        if self.is_sure and _near(middle, self._distance):
            return True
        since = self._claim[1]
        near = [peer for peer, distance in self._known.items() if _near(distance, middle)]
        again = sum(self._heard[peer].asked >= since for peer in near)
        return self._is_majority(again + _near(self._own, middle))

    def _believe_the_majority(self, middle: float, now: float) -> None:
        self._move(middle, now)
        self.is_sure = True
        self._doubted_at = None
        self._refuted = None if _near(self._own, middle) else self._own

    def _grope(self, distances: Iterable[float], now: float) -> None:
        latest, in_log = max(distances), self._log_ms - limits.CLOCK_SKEW_MAX_MS - now * 1000
        self._move(min((one for one in distances if one >= in_log), default=latest), now)
        self.is_sure = now - self._moved_at >= limits.CLOCK_TRUST_S

    def _go_on(self, middle: float, all_agree: bool, now: float) -> None:
        if _near(self._own, self._distance):
            self._distance = self._own
        refuted = not self._known and self._refuted is not None and _near(middle, self._refuted)
        if not all_agree or refuted or _near(middle, self._distance):
            self._doubted_at = None
        elif self._doubted_at is None:
            self._doubted_at = now
        elif now - self._doubted_at >= limits.CLOCK_TRUST_S:
            self._doubted_at = None
            self._move(middle, now)

    def _move(self, distance: float, now: float) -> None:
        if not _near(distance, self._distance):
            self._moved_at = now
        self._distance = distance

    # --- what people are told -----------------------------------------------------------

    def remarks(self, server_id: int) -> Mapping[int, str]:
        """What there is to say of each server's clock, by server; of most there is nothing.
        `server_id` is this server's own."""
        clocks = {**self._known, server_id: self._own}
        return {server: said for server in clocks if (said := self._remark(server, clocks))}

    def _remark(self, server: int, clocks: Mapping[int, float]) -> str:
        ahead = clocks[server] - self._distance
        if self._majority:
            return "" if _is_small(ahead) else f"Its clock is {_off(ahead)}: set it right."
        for other, clock in clocks.items():
            apart = clocks[server] - clock
            if not _is_small(apart):
                return (
                    f"Its clock and that of server {other} are {_span(apart)} apart; which one is "
                    "right cannot be told: set the wrong one right."
                )
        if _is_small(ahead):
            return ""
        return f"Its clock has jumped and is {_off(ahead)}: set it right."


def _distance(wall_ms: int, now: float) -> float:
    return wall_ms - now * 1000


def _is_small(milliseconds: float) -> bool:
    return abs(milliseconds) <= limits.CLOCK_SKEW_MAX_MS


def _near(one: float, other: float) -> bool:
    return _is_small(one - other)


def _off(milliseconds: float) -> str:
    return f"{_span(milliseconds)} {'ahead' if milliseconds > 0 else 'behind'}"


def _span(milliseconds: float) -> str:
    """In the unit that leaves two digits or more, so that it does not change all the time."""
    minutes = round(abs(milliseconds) / 60_000)
    if minutes < 120:
        return f"{minutes} minutes" if minutes != 1 else "a minute"
    hours = round(minutes / 60)
    return f"{hours} hours" if hours < 48 else f"{round(hours / 24)} days"

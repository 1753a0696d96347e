"""Timekeeper: this computer's clocks, and the time that the servers agree on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Final

from chat.core import limits
from chat.core.clocks import AgreedClock
from chat.system import boot_clock

_log = logging.getLogger(__name__)


_boot_clock: Final = boot_clock()


def clock_s() -> float:
    """Seconds that also pass while the computer sleeps: a lease must not outlive a nap."""
    return _boot_clock()


def wall_ms() -> int:
    """Milliseconds since 1970, as whoever set this computer's clock has it."""
    return time.time_ns() // 1_000_000


class Timekeeper:
    """On the loop's thread. `wall_ms` is this computer's clock, which may be wrong: nothing is
    stamped with it, and nothing expires by it alone."""

    def __init__(
        self, server_id: int, servers: int, log_ms: int, wall_ms: Callable[[], int]
    ) -> None:
        self.wall_ms = wall_ms
        self._server_id = server_id
        self._agreed = AgreedClock(servers, wall_ms(), clock_s(), log_ms)
        self._told = ""
        self._changed_at: float | None = None  # since when there is something else to tell

    def now_ms(self) -> int:
        """The time for a new operation."""
        return self._agreed.now_ms(clock_s())

    def expiry_ms(self) -> int:
        """The time by which a session may be said to have expired."""
        return self._agreed.expiry_ms(clock_s())

    def count(self, servers: int) -> None:
        """So many clocks there are now."""
        self._agreed.servers = servers

    def heard(self, peer: int, wall_ms: int, asked: float) -> None:
        """What the clock of `peer` was after `asked` (seconds of `clock_s`)."""
        self._agreed.heard(peer, wall_ms, asked, clock_s())
        if not (self._agreed.is_sure and self._agreed.is_calm):
            self.check()  # else the next tick is soon enough

    def check(self) -> None:
        """To be called at each tick; what is wrong with this server's own clock is logged, once
        it has lasted: at a start not all others are heard at once."""
        now = clock_s()
        self._agreed.check(self.wall_ms(), now)
        said = "" if self._agreed.is_calm else self.remarks().get(self._server_id, "")
        if said == self._told:
            self._changed_at = None
        elif self._changed_at is None:
            self._changed_at = now
        elif now - self._changed_at >= limits.CLOCK_TOLD_AFTER_S:
            self._tell(said)

    def _tell(self, said: str) -> None:
        if said:
            _log.warning("%s Messages bear the agreed time.", said)
        else:
            _log.info("Its clock is right again.")
        self._told, self._changed_at = said, None

    def remarks(self) -> Mapping[int, str]:
        """What there is to say of the servers' clocks, by server; mostly nothing."""
        return self._agreed.remarks(self._server_id)

    @property
    def is_sure(self) -> bool:
        """Whether more than one clock, or a long look at one, is behind the time."""
        return self._agreed.is_sure

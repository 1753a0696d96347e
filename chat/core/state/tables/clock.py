"""The time of the state: it comes with the operations, so that all servers have the same."""

from __future__ import annotations

from dataclasses import dataclass

from chat.core import limits


@dataclass(slots=True)
class Clock:
    """`now` is the time of the newest operation, in milliseconds since 1970. It is shown to
    people and decides nothing: order is by sequence, and whether a session has expired is for
    the leader to say, which knows more clocks than one. `age` counts milliseconds as it does,
    but never goes back and never makes a long step."""

    now: int = 0
    age: int = 0

    def follow(self, at: int) -> None:
        """A leader whose clock is a little behind the last one's takes no time back; a big step
        back ends what was a jump ahead. What has to grow old counts steps of bounded length
        and no step back, so that no jump makes it much older, and none keeps it for ever."""
        passed = at - self.now
        if passed > 0:
            self.age += min(passed, limits.REQUEST_IDS_STEP_MAX_MS)
        if passed > 0 or passed < -limits.CLOCK_SKEW_MAX_MS:
            self.now = at

"""Whether the disk is slow, and when to say so. Pure; time comes in."""

from __future__ import annotations

from collections import deque

from chat.core import limits


class DiskPace:
    """Some syncs in a row that were slow make a slow disk; a good while without any ends it. So
    each is said once, however often it changes in between."""

    def __init__(self) -> None:
        self._slow: deque[float] = deque(maxlen=limits.SYNCS_SLOW)  # when the last ones were
        self._longest_s = 0.0
        self.is_slow = False

    def look(self, slow_syncs: int, longest_s: float, now: float) -> str:
        """What is to be said, mostly nothing, after so many slow syncs (the one that goes on is
        one) of at most `longest_s`."""
        self._slow.extend([now] * slow_syncs)
        if slow_syncs:
            self._longest_s = max(self._longest_s, longest_s)
        lately = [at for at in self._slow if now - at < limits.SYNC_WELL_AFTER_S]
        if not lately:
            was_slow, self.is_slow, self._longest_s = self.is_slow, False, 0.0
            return "has a disk that is quick again" if was_slow else ""
        if self.is_slow or len(lately) < limits.SYNCS_SLOW:
            return ""
        self.is_slow = True
        return (
            f"has a slow disk: to sync the journal took up to {1000 * self._longest_s:.0f} ms, "
            "and every write waits for that; look for another program that writes there"
        )

    def remark(self) -> str:
        """The same for the list of servers, while it is slow."""
        if not self.is_slow:
            return ""
        return f"Its disk is slow: a sync took up to {1000 * self._longest_s:.0f} ms."

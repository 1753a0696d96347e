"""For whom a server waits that cannot serve yet, said once it has lasted. Pure; time comes in."""

from __future__ import annotations


class Waiting:
    """A start in which all come up at once says nothing: only what has not changed for
    `patience_s` seconds is told, and told once."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._missing: tuple[int, ...] = ()
        self._since = 0.0
        self._told = False
        self._told_to_stay = False

    def invitation(self) -> str:
        """What is to be said, once, where a leader could let this server in and may not."""
        told, self._told_to_stay = self._told_to_stay, True
        if told:
            return ""
        return "stays out, because rejoin is manual: start it with --join to let it in"

    def sentence(self, missing: tuple[int, ...], now: float) -> str:
        """What is to be said of these missing servers (ids) at `now`; mostly nothing."""
        if missing != self._missing:
            self._missing, self._since, self._told = missing, now, False
        if not missing or self._told or now - self._since < self._patience_s:
            return ""
        self._told = True
        several = len(missing) > 1
        return (
            f"waits for server{'s' if several else ''} {', '.join(map(str, missing))}, which may "
            f"hold messages that no other has; start {'them' if several else 'it'}, or see "
            '"When nobody serves" in docs/OPERATIONS.md'
        )

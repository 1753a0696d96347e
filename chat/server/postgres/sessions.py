"""Sessions: those that called this server lately, so that not each call asks the database."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from chat.core import limits
from chat.core.state.model import Session


class Sessions:
    """Pure; times are seconds, monotonic. One that ended elsewhere goes when the news come, or,
    where they do not, SESSION_KNOWN_S after it was looked up."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[Session, float]] = OrderedDict()

    def put(self, session: Session, now: float) -> None:
        self._known[session.token_hash] = session, now
        self._known.move_to_end(session.token_hash)
        if len(self._known) > limits.SESSIONS_KNOWN_MAX:
            self._known.popitem(last=False)

    def find(self, token_hash: str) -> Session | None:
        """However long ago it was looked up."""
        known = self._known.get(token_hash)
        return known[0] if known else None

    def fresh(self, token_hash: str, now: float) -> Session | None:
        known = self._known.get(token_hash)
        return known[0] if known and now - known[1] < limits.SESSION_KNOWN_S else None

    def end(self, token_hashes: Iterable[str]) -> None:
        for token_hash in token_hashes:
            self._known.pop(token_hash, None)

    def forget(self) -> None:
        self._known.clear()

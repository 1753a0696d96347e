"""Excess: who begins calls only to give them up, and is shut out for it. Pure; time comes in."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from chat.core import limits


@dataclass(slots=True)
class _GivenUp:
    count: float  # of late; it leaks away within GIVEN_UP_WINDOW_S
    at: float


class Excess:
    """A call that is given up at once costs its caller nothing, and the server as much as any
    other. Who has given up GIVEN_UP_MAX of them within GIVEN_UP_WINDOW_S is shut out for
    SHUT_OUT_S. A caller is a user or, of strangers, a connection."""

    def __init__(self) -> None:
        self._given_up: OrderedDict[str, _GivenUp] = OrderedDict()
        self._until: OrderedDict[str, float] = OrderedDict()

    def give_up(self, caller: str, now: float) -> bool:
        """One more; whether that is too much."""
        rate = limits.GIVEN_UP_MAX / limits.GIVEN_UP_WINDOW_S
        known = self._given_up.setdefault(caller, _GivenUp(0.0, now))
        known.count = max(0.0, known.count - (now - known.at) * rate) + 1
        known.at = now
        self._given_up.move_to_end(caller)
        if len(self._given_up) > limits.CALLERS_REMEMBERED_MAX:
            self._given_up.popitem(last=False)
        if known.count < limits.GIVEN_UP_MAX:
            return False
        del self._given_up[caller]
        self._until[caller] = now + limits.SHUT_OUT_S
        if len(self._until) > limits.CALLERS_REMEMBERED_MAX:
            self._until.popitem(last=False)
        return True

    def wait_s(self, caller: str, now: float) -> float:
        """For how long the caller is shut out; 0 = it is not."""
        until = self._until.get(caller)
        if until is None:
            return 0.0
        if until <= now:
            del self._until[caller]
            return 0.0
        return until - now

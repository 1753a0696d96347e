"""Typists: who has said lately that they are writing; who says it more often is not heard."""

from __future__ import annotations

from collections import OrderedDict

from chat.core import limits


class Typists:
    """By user, whatever the conversation. Pure; time comes in, seconds, monotonic."""

    def __init__(self) -> None:
        self._said: OrderedDict[str, float] = OrderedDict()

    def may_say(self, user: str, now: float) -> bool:
        said = self._said.get(user)
        if said is not None and now - said < limits.TYPING_GAP_S:
            return False
        self._said[user] = now
        self._said.move_to_end(user)
        if len(self._said) > limits.TYPISTS_MAX:
            self._said.popitem(last=False)
        return True

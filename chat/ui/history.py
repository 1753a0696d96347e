"""Undo and redo for a single-line field, which Tk offers for long texts only. Pure; no Tk."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum, auto

from chat.core.limits import FIELD_UNDO_STEPS_MAX


class Kind(Enum):
    TYPED = auto()  # a letter
    PUT_IN = auto()  # a space, or several characters at once
    ERASED = auto()


@dataclass(frozen=True, slots=True)
class Content:
    """`cursor` is in Tk's count of characters."""

    text: str
    cursor: int


class History:
    """Letters typed in a row are one step, and so is a replacement. Text set by the program starts
    the history over: no Ctrl+Z brings back a password that signing out has cleared."""

    def __init__(self) -> None:
        self._past: deque[Content] = deque(maxlen=FIELD_UNDO_STEPS_MAX)
        self._future: list[Content] = []
        self._present = Content("", 0)
        self._latest: Kind | None = None

    def clear(self) -> None:
        self._past.clear()
        self._future.clear()
        self._latest = None

    def changed(self, before: Content, after: Content, kind: Kind) -> None:
        self._begin_anew_unless_known(before)
        goes_on = kind is Kind.TYPED and self._latest is Kind.TYPED
        takes_its_place = kind is not Kind.ERASED and self._latest is Kind.ERASED
        if before != self._present or not (goes_on or takes_its_place):
            self._past.append(before)
        self._future.clear()
        self._present, self._latest = after, kind

    def undo(self, present: Content) -> Content | None:
        """What to restore; None when there is nothing left to undo."""
        self._begin_anew_unless_known(present)
        if not self._past:
            return None
        self._future.append(present)
        return self._go(self._past.pop())

    def redo(self, present: Content) -> Content | None:
        self._begin_anew_unless_known(present)
        if not self._future:
            return None
        self._past.append(present)
        return self._go(self._future.pop())

    def _go(self, content: Content) -> Content:
        self._present, self._latest = content, None
        return content

    def _begin_anew_unless_known(self, content: Content) -> None:
        if content.text != self._present.text:
            self.clear()
            self._present = content

"""Work deferred until Tk is idle or a moment has passed, then done once for all requests."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from weakref import WeakSet

_pending: WeakSet[Later] = WeakSet()


class Later:
    """Nothing happens after `widget` is gone. `delay_ms` 0 = when Tk is idle."""

    def __init__(self, widget: tk.Misc, work: Callable[[], None], delay_ms: int = 0) -> None:
        self._widget, self._work, self._delay_ms = widget, work, delay_ms
        self._due = ""
        widget.bind("<Destroy>", self._gone, add=True)

    def ask(self) -> None:
        if not self._due:
            self._due = self._widget.after(self._delay_ms or "idle", self._run)
            _pending.add(self)

    def ask_anew(self) -> None:
        """The delay starts again: for work that waits until the typing pauses."""
        self.cancel()
        self.ask()

    def cancel(self) -> None:
        if self._due:
            self._widget.after_cancel(self._due)
            self._due = ""
            _pending.discard(self)

    def _run(self) -> None:
        self._due = ""
        _pending.discard(self)
        self._work()

    def _gone(self, event: tk.Event[tk.Misc]) -> None:
        if event.widget is self._widget:
            self.cancel()


def clock_was_set() -> None:
    """Tk's timers follow the wall clock: if that is set back by an hour, what is due in a moment
    waits for an hour. So every delay starts again."""
    for later in tuple(_pending):
        later.ask_anew()

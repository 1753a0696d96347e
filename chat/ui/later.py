"""Work put off until Tk is idle, and done once for all requests of one turn."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable


class Later:
    """Nothing is done any more once `widget` is gone."""

    def __init__(self, widget: tk.Misc, work: Callable[[], None]) -> None:
        self._widget, self._work = widget, work
        self._due = ""
        widget.bind("<Destroy>", self._gone, add=True)

    @property
    def is_due(self) -> bool:
        return bool(self._due)

    def ask(self) -> None:
        if not self._due:
            self._due = self._widget.after_idle(self._run)

    def _run(self) -> None:
        self._due = ""
        self._work()

    def _gone(self, event: tk.Event[tk.Misc]) -> None:
        if self._due and event.widget is self._widget:
            self._widget.after_cancel(self._due)
            self._due = ""

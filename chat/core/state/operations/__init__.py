"""The replicated writes, each a module of its own: fields, rule and events.

What is a module here is an operation: `chat/core/state/registry.py` finds it. Times and ids are
chosen by the leader (or the client) and are fields, so that to apply an operation comes to the
same on every server.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from chat.core.state.model import Outcome
from chat.core.state.tables.tables import Tables


class Operation(ABC):
    """A frozen dataclass of texts and whole numbers."""

    __slots__ = ()

    at: int  # its time, in milliseconds since 1970

    @property
    @abstractmethod
    def author(self) -> str:
        """Whose it is: a user's name, or where only the session is known, what is kept of its
        token."""

    @abstractmethod
    def apply(self, tables: Tables) -> Outcome:
        """The rule: what it comes to. Raises a ChatError before anything is changed."""

"""ChatState: everything the servers agree on; applies operations, answers from its tables.

Pure and deterministic: the same operations in the same order give the same
state on every server. One caller at a time; only snapshots leave the thread.
"""

from __future__ import annotations

from chat.core.errors import ChatError
from chat.core.state.model import Outcome
from chat.core.state.operations import Operation
from chat.core.state.snapshot import Snapshot
from chat.core.state.tables.tables import Tables


class ChatState:
    """What is there, a table for each subject; only operations change it."""

    def __init__(self, tables: Tables | None = None) -> None:
        self._tables = tables or Tables()
        self.accounts = self._tables.accounts
        self.audit = self._tables.audit
        self.conversations = self._tables.conversations
        self.invites = self._tables.invites
        self.events = self._tables.events
        self.requests = self._tables.requests
        self.rooms = self._tables.rooms
        self.usage = self._tables.usage

    @property
    def clock(self) -> int:
        """The time of the newest operation, in milliseconds since 1970."""
        return self._tables.clock.now

    def apply(self, operation: Operation) -> Outcome:
        """Full effect, or none and a ChatError as the result; never raises for the world.

        Time passes either way: the clock follows `operation.at`.
        """
        tables = self._tables
        tables.clock.follow(operation.at)
        tables.requests.forget_old()
        try:
            return operation.apply(tables)
        except ChatError as error:
            return Outcome(error)

    def snapshot(self) -> Snapshot:
        """The state as of now, without copying it; any thread may write it out."""
        return Snapshot(self._tables)

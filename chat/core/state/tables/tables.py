"""Tables: all that is replicated. A rule is a function over these; any store may fill them."""

from __future__ import annotations

from chat.core.state.tables.accounts import Accounts
from chat.core.state.tables.audit import Audit
from chat.core.state.tables.clock import Clock
from chat.core.state.tables.conversations import Conversations
from chat.core.state.tables.events import Events
from chat.core.state.tables.invites import Invites
from chat.core.state.tables.keeping import Keeper
from chat.core.state.tables.requests import Requests
from chat.core.state.tables.rooms import Rooms
from chat.core.state.tables.usage import Usage


class Tables:
    """One caller at a time."""

    __slots__ = (
        "accounts", "audit", "clock", "conversations", "events", "invites", "keeper",
        "requests", "rooms", "usage",
    )  # fmt: skip

    def __init__(self) -> None:
        self.keeper = Keeper()
        self.clock = Clock()
        self.accounts = Accounts(self.keeper, self.clock)
        self.usage = Usage(self.keeper, self.accounts)
        self.conversations = Conversations(self.keeper, self.accounts, self.usage)
        self.rooms = Rooms(self.keeper, self.accounts, self.conversations)
        self.events = Events(self.keeper, self.accounts, self.conversations, self.rooms)
        self.requests = Requests(self.clock)
        self.audit = Audit(self.clock)
        self.invites = Invites(self.clock)

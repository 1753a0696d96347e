"""RemoveAccount: somebody goes for good; the name stays taken, what was said stays."""

from __future__ import annotations

from dataclasses import dataclass

from chat.core.model import Event, Outcome
from chat.core.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class AccountRemoved(Event):
    tag = "removed"

    username: str


@dataclass(frozen=True, slots=True)
class RemoveAccount:
    username: str
    checked_hash: str
    request_id: str
    at: int

    @property
    def author(self) -> str:
        return self.username

    def apply(self, tables: Tables) -> Outcome:
        """All with whom there was a conversation are told."""
        accounts, requests = tables.accounts, tables.requests
        if requests.find(self.request_id, RemoveAccount, self.username):
            return Outcome(None)
        user = accounts.caller(self.username)
        accounts.checked(user, self.checked_hash)
        ended = accounts.remove(user)
        requests.remember(self.request_id, RemoveAccount, user.name)
        contacts = tables.conversations.contacts(user.name)
        told = tables.events.tell(contacts, AccountRemoved(user.name))
        return Outcome(None, told, ended)

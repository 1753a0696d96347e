"""RemoveAccount: somebody goes for good; the name stays taken, what was said stays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chat.core.state.model import Event, Outcome, ToldInRoom
from chat.core.state.operations import Operation
from chat.core.state.operations.remove_member import MemberRemoved
from chat.core.state.tables.records import User
from chat.core.state.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class AccountRemoved(Event):
    tag = "removed"

    username: str


@dataclass(frozen=True, slots=True)
class RemoveAccount(Operation):
    username: str
    checked_hash: str
    request_id: str
    at: int

    @property
    def author(self) -> str:
        return self.username

    def apply(self, tables: Tables) -> Outcome:
        """All with whom there was a conversation are told, and all rooms that they were in."""
        accounts, requests = tables.accounts, tables.requests
        if requests.find(self.request_id, RemoveAccount, self.username):
            return Outcome(None)
        user = accounts.caller(self.username)
        accounts.checked(user, self.checked_hash)
        requests.remember(self.request_id, RemoveAccount, user.name)
        return remove(tables, user)


def remove(tables: Tables, user: User) -> Outcome:
    """The account goes, whoever wants it to."""
    ended = tables.accounts.remove(user)
    contacts = tables.conversations.contacts(user.name)
    told = tables.events.tell(contacts, AccountRemoved(user.name))
    return Outcome(None, told, ended, tuple(_leave_all(tables, user)))


def _leave_all(tables: Tables, user: User) -> Iterator[ToldInRoom]:
    rooms = tables.rooms
    for name in sorted(user.rooms):
        room = rooms.by_name[name]
        rooms.go(room, user)
        removed = MemberRemoved(user.name, user.name, room.owner)
        yield rooms.tell(room, removed, gone=(user.name,))

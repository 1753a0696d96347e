"""AddMembers: people come into a room, by themselves or because a member wants them there."""

from __future__ import annotations

from dataclasses import dataclass

from chat.core.errors import NoSuchUser, RecipientDeleted
from chat.core.state.model import Event, Outcome
from chat.core.state.operations.once import InRoom
from chat.core.state.tables.records import User
from chat.core.state.tables.room_records import Room
from chat.core.state.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class MembersAdded(Event):
    """`names` are separated by spaces; `by` is one of them who joined, or who added them.
    `owner` is the room's from now on: of one that was empty whoever comes first."""

    tag = "added"

    by: str
    names: str
    owner: str


@dataclass(frozen=True, slots=True)
class AddMembers(InRoom):
    """`names` are separated by spaces, which no name has; `by` alone wants to join."""

    room: str
    by: str
    names: str
    request_id: str
    at: int

    @property
    def about(self) -> str:
        return f"{self.room} {self.names}"

    def effect(self, tables: Tables, me: User) -> Outcome:
        """All of them, or none; who is there already stays as they are, and who has blocked the one
        that adds them stays away, without a word."""
        rooms, joins = tables.rooms, self.names == me.name
        room = rooms.seen_by(me.name, self.room) if joins else rooms.joined(me.name, self.room)
        coming = self._coming(tables, room, me)
        rooms.must_take(room, coming)
        if not coming:
            return Outcome(None)
        rooms.come(room, coming)
        names = tuple(user.name for user in coming)
        added = MembersAdded(me.name, " ".join(names), room.owner)
        return Outcome(None, rooms=(rooms.tell(room, added, came=names),))

    def _coming(self, tables: Tables, room: Room, me: User) -> list[User]:
        """Those who are not there yet, each once."""
        coming: list[User] = []
        for name in dict.fromkeys(self.names.split()):
            user = tables.accounts.users.get(name)
            if user is None:
                raise NoSuchUser(f"There is nobody called {name}.", username=name)
            if user.account.deleted:
                raise RecipientDeleted(f"The account {name} was deleted.", username=name)
            if user.name not in room.members and me.name not in user.account.blocked:
                coming.append(user)
        return coming

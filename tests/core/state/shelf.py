"""Another store, in which no record is at hand: of all that is stored, each operation gets what
its own texts name and what belongs to that, and those records are put back that it changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import fields, replace
from typing import Any

from chat.core.state.chat_state import ChatState
from chat.core.state.model import Message, Outcome
from chat.core.state.operations import Operation
from chat.core.state.operations.add_members import AddMembers
from chat.core.state.operations.expire_messages import ExpireMessages
from chat.core.state.operations.remove_account import RemoveAccount
from chat.core.state.operations.set_retention import SetRetention
from chat.core.state.tables.keeping import Record
from chat.core.state.tables.records import Conversation, FinishedRequest, User
from chat.core.state.tables.room_records import Room
from chat.core.state.tables.tables import Tables


class Changed:
    """Hears of each record that is about to change, as a snapshot does."""

    def __init__(self, tables: Tables) -> None:
        self._records: list[Record] = []
        self.epoch = tables.keeper.begin_epoch(self)

    def keep(self, record: Record) -> None:
        self._records.append(record)

    def __contains__(self, record: Record) -> bool:
        return any(each is record for each in self._records)


class Said(list[Message]):
    """The messages of a conversation, of which only those are here that nobody has read; the
    others are counted, but for those that the operation names."""

    def __init__(self, messages: list[Message], read: int, named: Mapping[str, Message]) -> None:
        super().__init__(messages[read:])
        self._read = read
        self._named = {m.sequence - 1: m for m in messages[:read] if m.id in named}

    def __len__(self) -> int:
        return self._read + super().__len__()

    def __getitem__(self, place: Any) -> Any:
        if place in self._named:
            return self._named[place]
        assert place >= self._read, "this one was not loaded"
        return super().__getitem__(place - self._read)

    def __setitem__(self, place: Any, message: Any) -> None:
        if place in self._named:
            self._named[place] = message
            return
        assert place >= self._read, "this one was not loaded"
        super().__setitem__(place - self._read, message)


class Shelf:
    """Records under the names of those whose they are; `Shelf.apply` is as `ChatState.apply`."""

    def __init__(self) -> None:
        self._tables = Tables()  # only clock, counts and quota last from one operation to the next
        self._users: dict[str, User] = {}
        self._conversations: dict[frozenset[str], Conversation] = {}
        self._rooms: dict[str, Room] = {}
        self._messages: dict[str, Message] = {}
        self._requests: dict[str, FinishedRequest] = {}
        self._whole = False

    def apply(self, operation: Operation) -> Outcome:
        self._whole = isinstance(operation, ExpireMessages)  # it looks for the oldest
        tables = self._loaded(operation)
        changed = Changed(tables)
        outcome = ChatState(tables).apply(operation)
        self._put_back(tables, changed)
        return outcome

    # --- out of the shelf --------------------------------------------------------------------

    def _loaded(self, operation: Any) -> Tables:
        texts = {str(getattr(operation, field.name)) for field in fields(operation)}
        if isinstance(operation, AddMembers):
            texts |= set(operation.names.split())
        tables, before = Tables(), self._tables
        tables.clock.now, tables.clock.age = before.clock.now, before.clock.age
        tables.usage.quota, tables.usage.all_bytes = before.usage.quota, before.usage.all_bytes
        tables.usage.keep_days = before.usage.keep_days
        messages = {text: self._messages[text] for text in texts if text in self._messages}
        if self._whole:
            messages = dict(self._messages)
        tables.conversations.by_id.update(messages)
        names = self._names(texts, list(messages.values()))
        if isinstance(operation, RemoveAccount):  # the one that everybody is told of
            names |= {n for members in self._conversations for n in members if members & texts}
        if isinstance(operation, SetRetention):  # that everybody is told of
            names |= self._users.keys()
        users = {name: deepcopy(self._users[name]) for name in names if name in self._users}
        tables.accounts.load(users.values())
        tables.conversations.load(
            [
                self._copy(talk, messages)
                for key, talk in self._conversations.items()
                if key <= users.keys()
            ],
            before.conversations.activity,
        )
        for user in users.values():
            user.rooms = {room.name for room in self._rooms.values() if user.name in room.members}
        for room in self._rooms.values():
            leaves = isinstance(operation, RemoveAccount) and texts & room.members.keys()
            if leaves or room.name in names or room.skeleton in texts:
                tables.rooms.add(self._copy_room(room, messages))
        for text in texts & self._requests.keys():
            tables.requests.add(self._requests[text])
        return tables

    def _names(self, texts: set[str], messages: list[Message]) -> set[str]:
        return (
            texts
            | {name for message in messages for name in (message.sender, message.address)}
            | {
                user.name
                for user in self._users.values()
                if user.account.skeleton in texts
                or any(session.token_hash in texts for session in user.sessions)
            }
        )

    def _copy(self, stored: Conversation, named: Mapping[str, Message]) -> Conversation:
        members = deepcopy(stored.members)
        read = min(member.read_through for member in members.values())
        said = list(stored.messages) if self._whole else Said(stored.messages, read, named)
        copied = replace(stored, members=members, messages=said)
        copied.messages_epoch = 1  # no snapshot reads this list
        return copied

    def _copy_room(self, stored: Room, named: Mapping[str, Message]) -> Room:
        read = min((m.read_through for m in stored.members.values()), default=0)
        copied = replace(
            stored,
            members=dict(stored.members),
            messages=list(stored.messages) if self._whole else Said(stored.messages, read, named),
            unsent=list(stored.unsent),
            events=replace(stored.events, items=list(stored.events.items)),
        )
        copied.messages_epoch = 1
        return copied

    # --- back into it --------------------------------------------------------------------------

    def _put_back(self, tables: Tables, changed: Changed) -> None:
        self._tables.clock = tables.clock
        self._tables.conversations.activity = tables.conversations.activity
        self._tables.usage = tables.usage
        for name, user in tables.accounts.users.items():
            if name not in self._users or user in changed:
                self._users[name] = replace(user, epoch=0, conversations={}, unread=0, rooms=set())
        for talk in tables.conversations.items:
            key = frozenset(talk.members)
            if key not in self._conversations:
                self._conversations[key] = replace(talk, epoch=0, messages=[])
            elif talk in changed:
                held = talk.messages if self._whole else self._conversations[key].messages
                self._conversations[key] = replace(talk, epoch=0, messages=held)
        for room in tables.rooms.items:
            if room.name not in self._rooms or room in changed:
                known = self._rooms.get(room.name)
                messages = known.messages if known is not None else []
                messages = room.messages if self._whole else messages
                self._rooms[room.name] = replace(room, epoch=0, messages=messages)
        if self._whole:
            self._messages = dict(tables.conversations.by_id)
        for message in tables.conversations.by_id.values():
            where = self._rooms.get(message.address)
            two = frozenset((message.sender, message.address))
            messages = (where or self._conversations[two]).messages
            messages[message.sequence - 1 :] = [message, *messages[message.sequence :]]
            self._messages[message.id] = message
        self._requests.update((request.request_id, request) for request in tables.requests.items)

"""Containers that hold a part of what is stored: what is not loaded is asked for. Pure.

The rules and the questions are those of the core, and do not know: where one looks at what is not
here, `Missing` says what that is. So nothing is ever taken for absent that was not looked for.
What is changed is noted, so that it can be written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, SupportsIndex, TypeVar, overload

from chat.core import limits
from chat.core.errors import CursorExpired
from chat.core.state.model import Message, Session
from chat.core.state.tables.keeping import Keeper, Record
from chat.core.state.tables.records import Conversation, EventWindow, KeptEvent
from chat.core.state.tables.room_records import RoomMember
from chat.server.postgres.missing import Missing, Need, NeedKind, talk_of

_V = TypeVar("_V")
# What is loaded of the messages of a place at once, where a rule goes through them.
_MESSAGES_AT_ONCE: Final = 200
_LISTED_AT_ONCE: Final = 100
# An epoch that no record has: the keeper hears of every change.
_EACH: Final = -1


class Changes(Keeper):
    """Hears of each record that is about to change. `any` is whether anything did since it was
    set to False."""

    __slots__ = ("any", "records")

    def __init__(self) -> None:
        super().__init__()
        self.epoch = _EACH
        self.any = False
        self.records: dict[int, Record] = {}  # by identity

    def keep(self, record: Record) -> None:
        self.any = True
        self.records[id(record)] = record


class Known(dict[str, _V]):
    """Things by name, of which those that were asked for are here or nowhere. `put` brings in what
    is loaded; what is set is a change, by its key in `changed`."""

    __slots__ = ("_asked", "_changes", "_kind", "changed")

    def __init__(self, kind: NeedKind, asked: set[Need], changes: Changes) -> None:
        super().__init__()
        self._kind, self._asked, self._changes = kind, asked, changes
        self.changed: set[str] = set()

    def put(self, key: str, value: _V) -> None:
        super().__setitem__(key, value)

    def has(self, key: str) -> bool:
        """Whether it is here."""
        return super().__contains__(key)

    def held(self, key: str) -> _V | None:
        """If it is here."""
        return super().get(key)

    def __missing__(self, key: str) -> _V:
        self._must_be_asked(key)
        raise KeyError(key)

    def _must_be_asked(self, key: str) -> None:
        if Need(self._kind, (key,)) not in self._asked and key not in self.changed:
            raise Missing(Need(self._kind, (key,)))

    def __contains__(self, key: object) -> bool:
        if super().__contains__(key):
            return True
        assert isinstance(key, str)
        self._must_be_asked(key)
        return False

    @overload
    def get(self, key: str, default: None = None, /) -> _V | None: ...
    @overload
    def get(self, key: str, default: _V, /) -> _V: ...
    @overload
    def get(self, key: str, default: Any, /) -> Any: ...
    def get(self, key: str, default: Any = None, /) -> Any:
        try:
            return self[key]
        except KeyError:
            return default

    def __setitem__(self, key: str, value: _V) -> None:
        self._changes.any = True
        self.changed.add(key)
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        self._changes.any = True
        self.changed.add(key)
        super().__delitem__(key)


class SaidThere(list[Message]):
    """The messages of one place, of which there are `length`; some are here, by their sequence."""

    def __init__(self, place: str, length: int) -> None:
        super().__init__()
        self.place, self.length = place, length
        self.here: dict[int, Message] = {}

    def __len__(self) -> int:
        return self.length

    def __bool__(self) -> bool:
        return self.length > 0

    @overload
    def __getitem__(self, at: SupportsIndex, /) -> Message: ...
    @overload
    def __getitem__(self, at: slice, /) -> list[Message]: ...
    def __getitem__(self, at: SupportsIndex | slice, /) -> Message | list[Message]:
        if isinstance(at, slice):
            start, stop, _ = at.indices(self.length)
            wanted = range(start + 1, stop + 1)
            if any(sequence not in self.here for sequence in wanted):
                raise Missing(
                    Need(
                        NeedKind.MESSAGES,
                        (
                            self.place,
                            start + 1,
                            stop,
                        ),
                    )
                )
            return [self.here[sequence] for sequence in wanted]
        sequence = int(at) + 1 if int(at) >= 0 else self.length + int(at) + 1
        if not 1 <= sequence <= self.length:
            raise IndexError(at)
        if sequence not in self.here:
            last = min(sequence + _MESSAGES_AT_ONCE - 1, self.length)
            raise Missing(
                Need(
                    NeedKind.MESSAGES,
                    (
                        self.place,
                        sequence,
                        last,
                    ),
                )
            )
        return self.here[sequence]

    def __setitem__(self, at: Any, message: Any, /) -> None:
        self.here[at + 1] = message

    def append(self, message: Message, /) -> None:
        self.length += 1
        self.here[self.length] = message

    def copy(self) -> SaidThere:
        return self  # nobody else reads it


class Window(EventWindow):
    """`told` takes what is appended: whose, cursor, event."""

    __slots__ = ("_owner", "_told", "here")

    def __init__(self, owner: str, cursor: int, told: list[tuple[str, int, KeptEvent]]) -> None:
        super().__init__(cursor)
        self._owner, self._told = owner, told
        self.here: dict[int, KeptEvent] = {}

    @property
    def kept(self) -> int:
        return min(self.cursor, limits.EVENTS_KEPT_PER_USER)

    def append(self, event: KeptEvent) -> int:
        self.cursor += 1
        self.here[self.cursor] = event
        self._told.append((self._owner, self.cursor, event))
        return self.cursor

    def after(self, cursor: int, limit: int) -> Iterator[tuple[int, KeptEvent]]:
        behind = self.cursor - cursor
        if behind < 0 or behind > self.kept:
            raise CursorExpired("Too much has happened since; list the conversations again.")
        first, last = cursor + 1, min(cursor + limit, self.cursor)
        return iter([(at, event) for at, event in self._all(first, last)])

    def newest(self) -> list[KeptEvent]:
        """All that are kept, the oldest first."""
        return [event for _, event in self._all(self.cursor - self.kept + 1, self.cursor)]

    def _all(self, first: int, last: int) -> list[tuple[int, KeptEvent]]:
        if any(at not in self.here for at in range(first, last + 1)):
            raise Missing(
                Need(
                    NeedKind.EVENTS,
                    (
                        self._owner,
                        first,
                        last,
                    ),
                )
            )
        return [(at, self.here[at]) for at in range(first, last + 1)]


class Talks(dict[str, Conversation]):
    """The conversations of one user, by the other's name. `contacts` are all names, and `listed`
    the newest conversations, the newest first, once they are loaded; `is_whole` where those are
    all there are."""

    __slots__ = ("_asked", "_me", "_talks", "contacts", "is_whole", "listed")

    def __init__(
        self, me: str, asked: set[Need], talks: dict[tuple[str, str], Conversation]
    ) -> None:
        super().__init__()
        self._me, self._asked, self._talks = me, asked, talks
        self.contacts: dict[str, None] | None = None
        self.listed: list[str] = []
        self.is_whole = False

    def __missing__(self, address: str) -> Conversation:
        key = talk_of(self._me, address)
        known = self._talks.get(key)
        if known is not None:
            return known
        if Need(NeedKind.TALK, key) not in self._asked:
            raise Missing(Need(NeedKind.TALK, key))
        raise KeyError(address)

    def get(self, address: str, default: Any = None, /) -> Any:
        try:
            return self[address]
        except KeyError:
            return default

    def __setitem__(self, address: str, conversation: Conversation) -> None:
        """It is the newest now."""
        super().__setitem__(address, conversation)
        if self.contacts is not None:
            self.contacts[address] = None

    def here(self) -> list[str]:
        """The addresses of those that are loaded, or began here."""
        return list(super().keys())

    def keys(self) -> Any:
        if self.contacts is None:
            raise Missing(Need(NeedKind.CONTACTS, (self._me,)))
        return self.contacts.keys()

    def items(self) -> Any:
        return _Items(self)

    def newest_first(self) -> Iterator[tuple[str, Conversation]]:
        for address in self.listed:
            yield address, self[address]
        if not self.is_whole:
            raise Missing(
                Need(
                    NeedKind.LISTED,
                    (
                        self._me,
                        max(_LISTED_AT_ONCE, 4 * len(self.listed)),
                    ),
                )
            )


class _Items:
    """A page is made from the newest on, and ends before all have been looked at."""

    def __init__(self, talks: Talks) -> None:
        self._talks = talks

    def __reversed__(self) -> Iterator[tuple[str, Conversation]]:
        return self._talks.newest_first()


class Members(dict[str, RoomMember]):
    """Of a room that has `count`: some of them, or all, in the order in which they came."""

    __slots__ = ("_asked", "_room", "before", "changed", "count", "is_whole")

    def __init__(self, room: str, count: int, asked: set[Need]) -> None:
        super().__init__()
        self._room, self.count, self._asked = room, count, asked
        self.is_whole = False
        self.changed: set[str] = set()  # who came, went, or reads on
        self.before: dict[str, RoomMember] = {}  # as they are stored

    def put(self, name: str, member: RoomMember) -> None:
        """As it is stored."""
        self.before.setdefault(name, member)
        if name not in self.changed:
            super().__setitem__(name, member)

    def put_all(self, stored: Iterable[tuple[str, RoomMember]]) -> None:
        """All that are stored, in order; what was changed here stays."""
        changed = {
            name: self[name] for name in self.changed if super(Members, self).__contains__(name)
        }
        self.clear()
        for name, member in stored:
            self.before.setdefault(name, member)
            if name not in self.changed:
                super().__setitem__(name, member)
            elif name in changed:
                super().__setitem__(name, changed.pop(name))
        self.update(changed)
        self.is_whole = True

    def place(self, name: str) -> int:
        """Where it is among those that are here."""
        return list(super().keys()).index(name) if super().__contains__(name) else -1

    def _must_be_known(self, name: str) -> None:
        known = self.is_whole or name in self.changed
        if not known and Need(NeedKind.MEMBER, (self._room, name)) not in self._asked:
            raise Missing(Need(NeedKind.MEMBER, (self._room, name)))

    def _must_be_whole(self) -> None:
        if not self.is_whole:
            raise Missing(Need(NeedKind.MEMBERS, (self._room,)))

    def __missing__(self, name: str) -> RoomMember:
        self._must_be_known(name)
        raise KeyError(name)

    def get(self, name: str, default: Any = None, /) -> Any:
        try:
            return self[name]
        except KeyError:
            return default

    def __contains__(self, name: object) -> bool:
        if super().__contains__(name):
            return True
        assert isinstance(name, str)
        self._must_be_known(name)
        return False

    def __setitem__(self, name: str, member: RoomMember) -> None:
        self.count += not super().__contains__(name)
        self.changed.add(name)
        super().__setitem__(name, member)

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        self.count -= 1
        self.changed.add(name)

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[str]:
        self._must_be_whole()
        return super().__iter__()

    def keys(self) -> Any:
        self._must_be_whole()
        return super().keys()

    def items(self) -> Any:
        self._must_be_whole()
        return super().items()

    def values(self) -> Any:
        self._must_be_whole()
        return super().values()


class Unsent(list[int]):
    """The places in a room whose messages were taken back."""

    def __init__(self, room: str) -> None:
        super().__init__()
        self._room = room
        self.is_loaded = False

    def __len__(self) -> int:
        if not self.is_loaded:
            raise Missing(Need(NeedKind.UNSENT, (self._room,)))
        return super().__len__()


class Joined(set[str]):
    """The rooms that a user is in."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self.is_loaded = False

    def _must_be_loaded(self) -> None:
        if not self.is_loaded:
            raise Missing(Need(NeedKind.ROOMS_OF, (self._name,)))

    def __len__(self) -> int:
        self._must_be_loaded()
        return super().__len__()

    def __iter__(self) -> Iterator[str]:
        self._must_be_loaded()
        return super().__iter__()

    def add(self, room: str) -> None:
        self._must_be_loaded()
        super().add(room)

    def remove(self, room: str) -> None:
        self._must_be_loaded()
        super().remove(room)


class UnknownSessions(tuple[Session, ...]):
    """Stands where a user's sessions are not loaded yet."""

    name: str

    @classmethod
    def of(cls, name: str) -> UnknownSessions:
        unknown = cls()
        unknown.name = name
        return unknown

    def __iter__(self) -> Iterator[Session]:
        raise Missing(Need(NeedKind.SESSIONS, (self.name,)))

    def __len__(self) -> int:
        raise Missing(Need(NeedKind.SESSIONS, (self.name,)))

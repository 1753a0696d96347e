"""What may be asked of the database for tables that hold a part of the state. Pure."""

from __future__ import annotations

from collections.abc import Hashable
from enum import Enum, auto
from typing import NamedTuple


class NeedKind(Enum):
    """Each with what its key is."""

    USER = auto()  # name: the account and what is told to it
    LOOKALIKE = auto()  # skeleton: the account whose name looks like this
    EVERYBODY = auto()  # (): all accounts
    NAMES = auto()  # pattern, page token: names of accounts from there on
    SESSION = auto()  # token hash
    SESSIONS = auto()  # name: the sessions of a user
    REQUEST = auto()  # id
    MESSAGE = auto()  # id
    TALK = auto()  # the conversation of these two, in order
    CONTACTS = auto()  # name: all with whom there is one
    LISTED = auto()  # name, how many: that user's newest conversations
    MESSAGES = auto()  # place, first, last: by sequence, both included
    WAITING = auto()  # reader, address: what the reader has not read there
    ROOM = auto()  # name
    ROOM_LOOKALIKE = auto()  # skeleton
    ROOM_NAMES = auto()  # user (empty: whoever runs the servers), pattern, page token
    ROOMS_OF = auto()  # name: the rooms that a user is in
    MEMBER = auto()  # room, name
    MEMBERS = auto()  # room
    UNSENT = auto()  # room
    EVENTS = auto()  # owner, first, last: by cursor, both included
    INVITES = auto()  # ()
    AUDIT = auto()  # page token
    COUNTS = auto()  # (): how many there are of each


class Need(NamedTuple):
    kind: NeedKind
    key: tuple[Hashable, ...]


class Missing(Exception):
    """A rule or a question looked at something that is not loaded. Whoever loads it asks again."""

    def __init__(self, *wanted: Need) -> None:
        super().__init__(*wanted)
        self.wanted = wanted


def talk_of(one: str, other: str) -> tuple[str, str]:
    """The key of the conversation of two people."""
    return (one, other) if one < other else (other, one)


def place_of(one: str, other: str) -> str:
    """Where messages of two people are: no name has a space."""
    return " ".join(talk_of(one, other))

"""Rooms as the reference of the state's model keeps them: plain lists, looked through each time."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Life:
    """What a message has beside its text: what it answers, whether it was edited, and for each
    emoji those who put it there, in order."""

    reply_to: str = ""
    edited: bool = False
    reactions: dict[str, list[str]] = field(default_factory=dict)

    def react(self, name: str, emoji: str, on: bool) -> None:
        names = self.reactions.setdefault(emoji, [])
        if on and name not in names:
            names.append(name)
        elif not on and name in names:
            names.remove(name)
        if not names:
            del self.reactions[emoji]

    def hear(self, name: str, emoji: str, on: bool, count: int) -> None:
        """As a client hears of it, who may know it already."""
        names = self.reactions.get(emoji, [])
        if on and count == 1:
            self.reactions.pop(emoji, None)
        if on:
            self.reactions[emoji] = [*(each for each in names if each != name), name]
        elif name in names:
            self.react(name, emoji, on=False)


@dataclass
class RoomLine:
    """A message; `readers` are those who have read it, and `audience` those who were there."""

    id: str
    sender: str
    text: str
    audience: set[str]
    readers: set[str] = field(default_factory=set)
    unsent: bool = False
    life: Life = field(default_factory=Life)


@dataclass
class ReferenceRoom:
    """`seen` has for each member the lines that they see, beside those that are yet to come."""

    owner: str
    is_open: bool
    members: list[str]
    lines: list[RoomLine] = field(default_factory=list)
    shown: list[RoomLine] = field(default_factory=list)  # to whoever joins, while it is open
    seen: dict[str, list[RoomLine]] = field(default_factory=dict)
    muted: set[str] = field(default_factory=set)

    def come(self, name: str) -> None:
        self.members.append(name)
        self.owner = self.owner or name
        self.seen[name] = list(self.shown) if self.is_open else []

    def go(self, name: str) -> None:
        self.members.remove(name)
        del self.seen[name]
        self.muted.discard(name)
        for line in self.lines:
            line.audience.discard(name)
            line.readers.discard(name)
        if self.owner == name:
            self.owner = self.members[0] if self.members else ""

    def open_up(self, is_open: bool) -> None:
        if is_open and not self.is_open:
            self.shown = []
        self.is_open = is_open

    def post(self, line: RoomLine) -> None:
        self.lines.append(line)
        self.shown.append(line)
        for name in self.members:
            self.seen[name].append(line)

    def waiting(self, name: str) -> list[RoomLine]:
        return [
            line
            for line in self.lines
            if name in line.audience
            and name not in line.readers
            and not line.unsent
            and line.sender != name
        ]

    def read(self, name: str, limit: int) -> int:
        lines = self.waiting(name)
        lines = lines[:limit] if limit else lines
        for line in lines:
            line.readers.add(name)
        return len(lines)

    def status(self, line: RoomLine) -> str:
        if line.unsent:
            return "unsent"
        return "read" if line.readers - {line.sender} else "unread"

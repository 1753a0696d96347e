"""Room: a conversation of many, with its members and one sequence of events for them all."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass, field

from msgspec import Struct
from msgspec.structs import replace

from chat.core.state.model import GONE, Access, Message, MessageStatus
from chat.core.state.tables.records import EventWindow, emptied


class RoomMember(Struct, frozen=True, gc=False):
    """`since` is the position of the event by which they came; they see messages from sequence
    `first` on, and those up to `came_after` were said before they came. They have read up to
    `read_through`, and have sent `own_after` of those beyond it."""

    since: int
    first: int
    came_after: int
    read_through: int
    own_after: int = 0
    muted: bool = False


@dataclass(slots=True)
class Room:
    """The message of sequence n is at `messages[n - 1]`, where that is GONE up to `gone`; `unsent`
    are the sequences of those that were taken back, in order. `members` are in the order in which
    they came. Who joins sees what was said from sequence `shown_from` on, where the room is open.

    Nothing here is written for each member when somebody writes: what waits for whom is
    worked out when it is asked. `epoch`, `messages_epoch` and `activity` are as those of a
    conversation of two.
    """

    name: str
    topic: str
    access: Access
    owner: str
    skeleton: str
    epoch: int
    activity: int = 0
    shown_from: int = 1
    members: dict[str, RoomMember] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    unsent: list[int] = field(default_factory=list)
    events: EventWindow = field(default_factory=EventWindow)
    gone: int = 0
    messages_epoch: int = field(init=False)

    def __post_init__(self) -> None:
        self.messages_epoch = self.epoch

    # --- asking ---------------------------------------------------------------------

    def unread(self, name: str) -> int:
        """How many messages of others wait for this member."""
        member = self.members[name]
        through = member.read_through
        gone = len(self.unsent) - bisect_right(self.unsent, through)
        return len(self.messages) - through - member.own_after - gone

    def shows(self, name: str, sequence: int) -> bool:
        """Whether this is a member who sees what was said at this place."""
        member = self.members.get(name)
        return member is not None and member.first <= sequence

    def readers(self, message: Message) -> list[str]:
        """Who has read it but its sender; nobody has read one that was unsent."""
        if message.status is not MessageStatus.UNREAD:
            return []
        sender, sequence = message.sender, message.sequence
        return [
            name
            for name, member in self.members.items()
            if member.came_after < sequence <= member.read_through and name != sender
        ]

    def seen(self, message: Message) -> Message:
        """The message as it now is: read, and by how many."""
        return _read_by(message, len(self.readers(message)))

    def all_seen(self, messages: list[Message]) -> list[Message]:
        """The same for many, without a look at each member for each of them."""
        came = sorted(member.came_after for member in self.members.values())
        read = sorted(member.read_through for member in self.members.values())
        return [self._seen(message, came, read) for message in messages]

    def _seen(self, message: Message, came: list[int], read: list[int]) -> Message:
        if message.status is not MessageStatus.UNREAD:
            return message
        sequence = message.sequence
        # Who came after it has it behind them, but did not read it.
        readers = bisect_left(came, sequence) - bisect_left(read, sequence)
        sender = self.members.get(message.sender)
        if sender is not None:
            readers -= sender.came_after < sequence <= sender.read_through
        return _read_by(message, readers)

    # --- changing: after `Keeper.keep` ------------------------------------------------

    def come(self, name: str, since: int) -> None:
        """By the event at this position."""
        count = len(self.messages)
        first = self.shown_from if self.access is Access.OPEN else count + 1
        self.members[name] = RoomMember(since, first, count, count)
        self.owner = self.owner or name

    def go(self, name: str) -> None:
        """An owner passes the room on to the oldest member."""
        del self.members[name]
        if name == self.owner:
            self.owner = next(iter(self.members), "")

    def open_up(self, access: Access) -> None:
        """What was said in private stays with those who were there."""
        if access is Access.OPEN and self.access is not access:
            self.shown_from = len(self.messages) + 1
        self.access = access

    def add(self, message: Message) -> None:
        self.messages.append(message)
        sender = self.members[message.sender]
        self.members[message.sender] = replace(sender, own_after=sender.own_after + 1)

    def read(self, name: str, limit: int) -> int:
        """Marks the oldest that wait for the member, at most `limit` (0 = all); how many it
        marked. Each message is passed once in the life of a member."""
        member, unread = self.members[name], self.unread(name)
        marked, through, own = min(unread, limit or unread), member.read_through, member.own_after
        if marked == unread:
            through, own = (len(self.messages), 0) if marked else (through, own)
        else:
            left = marked
            while left:
                message = self.messages[through]
                through += 1
                if message.status is not MessageStatus.UNSENT:
                    own -= message.sender == name
                    left -= message.sender != name
        self.members[name] = replace(member, read_through=through, own_after=own)
        return marked

    def put(self, message: Message, epoch: int) -> None:
        """It takes the place of what it was before; `epoch` is the state's own."""
        if self.messages_epoch != epoch:
            self.messages = self.messages.copy()
            self.messages_epoch = epoch
        self.messages[message.sequence - 1] = message

    def expire(self, through: int, epoch: int) -> None:
        """The oldest go, up to this sequence, whoever has not read them."""
        for name, member in self.members.items():
            if member.read_through < through:
                own = sum(
                    message.sender == name and message.status is not MessageStatus.UNSENT
                    for message in self.messages[member.read_through : through]
                )
                self.members[name] = replace(
                    member, read_through=through, own_after=member.own_after - own
                )
        if self.messages_epoch != epoch:
            self.messages, self.messages_epoch = self.messages.copy(), epoch
        self.messages[self.gone : through] = [GONE] * (through - self.gone)
        self.unsent = self.unsent[bisect_right(self.unsent, through) :]
        self.gone = through

    def unsend(self, message: Message, epoch: int) -> Message:
        """Empties a message that nobody else has read; `epoch` is the state's own."""
        gone = emptied(message)
        self.put(gone, epoch)
        insort(self.unsent, message.sequence)
        sender = self.members[message.sender]
        if message.sequence > sender.read_through:
            self.members[message.sender] = replace(sender, own_after=sender.own_after - 1)
        return gone


def _read_by(message: Message, readers: int) -> Message:
    if not readers:
        return message
    extras = replace(message.extras, read_by=readers)
    return replace(message, status=MessageStatus.READ, extras=extras)

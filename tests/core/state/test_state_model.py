"""ChatState against a reference of a few lines that keeps plain lists, and its round trips."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec import structs

from chat.core import limits
from chat.core.errors import ChatError
from chat.core.state.chat_state import ChatState
from chat.core.state.model import (
    Access,
    Message,
    MessagePosted,
    MessagesExpired,
    Reaction,
    ToldInRoom,
)
from chat.core.state.operations import Operation
from chat.core.state.operations.add_members import AddMembers, MembersAdded
from chat.core.state.operations.announce import AnnouncementMade
from chat.core.state.operations.block_user import BlockUser, UserBlocked
from chat.core.state.operations.create_room import CreateRoom, RoomMade
from chat.core.state.operations.edit_message import EditMessage, MessageEdited, TooLateToEdit
from chat.core.state.operations.end_other_sessions import EndOtherSessions
from chat.core.state.operations.end_session import EndSession
from chat.core.state.operations.expire_messages import ExpireMessages
from chat.core.state.operations.hide_presence import HidePresence, PresenceHidden
from chat.core.state.operations.mute_conversation import ConversationMuted, MuteConversation
from chat.core.state.operations.open_session import OpenSession
from chat.core.state.operations.post_message import PostMessage
from chat.core.state.operations.react_to_message import MessageReacted, ReactToMessage
from chat.core.state.operations.read_messages import MessagesRead, ReadMessages
from chat.core.state.operations.register_user import RegisterUser
from chat.core.state.operations.remove_account import AccountRemoved, RemoveAccount
from chat.core.state.operations.remove_member import MemberRemoved, RemoveMember
from chat.core.state.operations.set_password import SetPassword
from chat.core.state.operations.set_quota import SetQuota
from chat.core.state.operations.set_retention import SetRetention
from chat.core.state.operations.unsend_message import MessageUnsent, UnsendMessage
from chat.core.state.operations.update_room import RoomUpdated, UpdateRoom
from chat.core.state.operations.use_session import UseSession
from chat.core.state.snapshot import Snapshot
from tests.core.files.documents import document_of, restored
from tests.core.state.room_model import Life, ReferenceRoom, RoomLine
from tests.core.state.shelf import Shelf

NAMES = st.sampled_from(["ann", "bob", "cat"])
IDS = st.sampled_from([f"id {n}" for n in range(12)])
ROOMS = st.sampled_from(["#lab", "#den"])
# Of a message, the newest at 0.
PLACES = st.integers(0, 3)
TEXTS = st.sampled_from(["one", "two", 'line\n"quoted" ü'])


ACCESSES = st.sampled_from(["open", "private"])
ROOM_EVENTS = RoomMade | RoomUpdated | MembersAdded | MemberRemoved


@dataclass
class Line:
    """A message as the reference keeps it."""

    id: str
    sender: str
    recipient: str
    text: str
    status: str = "unread"
    life: Life = field(default_factory=Life)
    withheld: bool = False

    def is_shown(self, name: str) -> bool:
        return name == self.sender or not self.withheld


@dataclass
class Reference:
    """Looks through everything every time; says only whether an operation is refused."""

    alive: dict[str, bool] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    rooms: dict[str, ReferenceRoom] = field(default_factory=dict)
    muted: set[tuple[str, str]] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)
    blocked: dict[str, list[str]] = field(default_factory=dict)  # by whom
    quota: tuple[int, int] = (0, 0)
    keep_days: int = 0
    said: list[tuple[str, str]] = field(default_factory=list)  # who wrote to whom, ever
    gone: dict[frozenset[str], int] = field(default_factory=dict)

    def expire(self, name: str, address: str, limit: int) -> int:
        """However old they are."""
        room = self.rooms.get(address)
        lines: list[Any] = self.between(name, address) if name else room.lines if room else []
        old = lines[:limit] if self.keep_days else []
        where = frozenset({name, address} - {""})
        self.gone[where] = self.gone.get(where, 0) + len(old)
        if name:
            self.lines = [line for line in self.lines if not any(line is each for each in old)]
        elif room is not None:
            for held in (room.lines, room.shown, *room.seen.values()):
                held[:] = [line for line in held if not any(line is each for each in old)]
        return len(old)

    def held(self, user: str = "") -> tuple[int, int]:
        """Messages and bytes of one user, or of all."""
        every: list[Line | RoomLine] = [*self.lines]
        every += (line for room in self.rooms.values() for line in room.lines)
        texts = [line.text for line in every if user in ("", line.sender)]
        return len(texts), sum(256 + len(text.encode()) for text in texts)

    def may_hold(self, user: str, more: int) -> bool:
        bounds = zip(self.quota, (self.held(user)[1], self.held()[1]), strict=True)
        return more <= 0 or all(not bound or held + more <= bound for bound, held in bounds)

    def joined(self, user: str, name: str) -> ReferenceRoom | None:
        """The room, if the user is in it."""
        room = self.rooms.get(name)
        there = self.alive.get(user) and room is not None and user in room.members
        return room if there else None

    def post_in_room(
        self, message_id: str, sender: str, name: str, text: str, reply: str = ""
    ) -> bool:
        known = [line.id for line in self.lines]
        for at, other in self.rooms.items():
            for line in other.lines:
                if line.id == message_id:
                    same = line.unsent or (
                        (line.life.edited or line.text == text) and line.life.reply_to == reply
                    )
                    return (line.sender, at) == (sender, name) and same and self.alive[sender]
        room = self.joined(sender, name)
        if room is None or message_id in known:
            return False
        if reply and all(line.id != reply for line in room.seen[sender]):
            return False
        if not self.may_hold(sender, 256 + len(text.encode())):
            return False
        life = Life(reply_to=reply)
        room.post(RoomLine(message_id, sender, text, set(room.members), life=life))
        return True

    def shown(self, user: str, message_id: str) -> Line | RoomLine | None:
        """A message that this user sees and that is not unsent, where something may still be
        said."""
        if not self.alive.get(user):
            return None
        for line in self.lines:
            mine = user in (line.sender, line.recipient) and line.is_shown(user)
            if line.id == message_id and mine:
                open_still = self.alive[line.sender] and self.alive[line.recipient]
                return line if open_still and line.status != "unsent" else None
        for room in self.rooms.values():
            for each in room.seen.get(user, ()):
                if each.id == message_id:
                    return None if each.unsent else each
        return None

    def between(self, one: str, other: str) -> list[Line]:
        return [line for line in self.lines if {line.sender, line.recipient} == {one, other}]

    def waiting(self, reader: str, contact: str) -> list[Line]:
        return [
            line
            for line in self.between(reader, contact)
            if line.recipient == reader and line.status == "unread" and not line.withheld
        ]

    def post(
        self, message_id: str, sender: str, recipient: str, text: str, reply: str = ""
    ) -> bool:
        if not self.alive.get(sender):
            return False
        for line in self.lines:
            if line.id == message_id:
                same = line.status == "unsent" or (
                    (line.life.edited or line.text == text) and line.life.reply_to == reply
                )
                return (line.sender, line.recipient) == (sender, recipient) and same
        in_rooms = (line.id for room in self.rooms.values() for line in room.lines)
        if not self.alive.get(recipient) or sender == recipient or message_id in in_rooms:
            return False
        seen = [line for line in self.between(sender, recipient) if line.is_shown(sender)]
        if reply and all(line.id != reply for line in seen):
            return False
        if recipient in self.blocked.get(sender, ()):
            return False
        if not self.may_hold(sender, 256 + len(text.encode())):
            return False
        withheld = sender in self.blocked.get(recipient, ())
        life = Life(reply_to=reply)
        self.lines.append(Line(message_id, sender, recipient, text, life=life, withheld=withheld))
        self.said.append((sender, recipient))
        return True

    def read(self, reader: str, contact: str, limit: int) -> int | None:
        if not self.alive.get(reader) or contact not in self.alive:
            return None
        lines = self.waiting(reader, contact)
        lines = lines[:limit] if limit else lines
        for line in lines:
            line.status = "read"
        if lines:  # what was withheld before that looks read, too
            everything = self.between(reader, contact)
            for line in everything[: everything.index(lines[-1])]:
                if line.recipient == reader and line.status == "unread":
                    line.status = "read"
        return len(lines)

    def unsend(self, message_id: str, sender: str) -> bool:
        for line in self.lines:
            if line.id == message_id and line.sender == sender and self.alive[sender]:
                if line.status == "unread":
                    line.status, line.text, line.life = "unsent", "", Life()
                return line.status == "unsent"
        return self.unsend_in_room(message_id, sender)

    def unsend_in_room(self, message_id: str, sender: str) -> bool:
        for room in self.rooms.values():
            for line in room.lines:
                if line.id == message_id and line.sender == sender and self.alive[sender]:
                    may = sender in room.members and not line.readers - {sender}
                    if may and not line.unsent:
                        line.unsent, line.text, line.life = True, "", Life()
                    return line.unsent
        return False

    def recency(self, name: str) -> list[str]:
        """Contacts, the newest first."""
        mine = [set(pair) for pair in reversed(self.said) if name in pair]
        contacts = dict.fromkeys((pair - {name}).pop() for pair in mine)
        return [
            each
            for each in contacts
            if self.gone.get(frozenset((name, each))) or self.shown_between(name, each)
        ]

    def shown_between(self, name: str, other: str) -> list[Line]:
        return [line for line in self.between(name, other) if line.is_shown(name)]


def without_clock(state: ChatState) -> dict[str, Any]:
    return {k: v for k, v in document_of(state).items() if k not in ("clock", "age")}


def life_of(message: Message) -> Life:
    extras = message.extras
    reactions = {each.emoji: list(each.names) for each in extras.reactions}
    return Life(extras.in_reply_to, extras.edited_at > 0, reactions)


class Machine(RuleBasedStateMachine):
    """Also a client's replica: `copies` is rebuilt for each user from its events alone."""

    def __init__(self) -> None:
        super().__init__()
        self.state = ChatState()
        self.twin = ChatState()
        self.shelf = Shelf()
        self.reference = Reference()
        self.now = 0
        self.wrong_ms = 0
        self.asked: list[str] = []  # requests that had their effect
        self.sent: dict[str, PostMessage] = {}  # as it was tried first
        self.copies: dict[str, dict[str, Message]] = {}
        self.taken: list[tuple[Snapshot, list[str]]] = []
        # Of each room the position of each member's last event, as their streams have it.
        self.positions: dict[tuple[str, str], int] = {}

    def apply(self, operation: Operation) -> Any:
        before = without_clock(self.state)
        outcome = self.state.apply(operation)
        assert 0 <= self.state.clock - operation.at <= limits.CLOCK_SKEW_MAX_MS
        assert self.twin.apply(operation) == outcome
        assert self.shelf.apply(operation) == outcome, "a rule needs what it names, no more"
        if isinstance(outcome.result, ChatError):
            assert (outcome.events, outcome.ended, outcome.rooms) == ((), (), ())
            assert without_clock(self.state) == before
        for name, event in outcome.events:
            assert event.cursor == self.state.events.cursor(name)
            self.follow(self.copies.setdefault(name, {}), event.kind)
        for told in outcome.rooms:
            self.follow_room(told)
        return outcome.result

    def follow_room(self, told: ToldInRoom) -> None:
        """What streams do: who comes begins after the event, and nobody has a gap."""
        event, members = told.event, self.state.rooms.members(told.event.room)
        for name in told.gone:
            assert name not in members
            assert self.positions.pop((event.room, name)) == event.position - 1
        for name in members:
            before = self.positions.get((event.room, name))
            assert (before is None) == (name in told.came)
            assert before in (None, event.position - 1)
            self.positions[event.room, name] = event.position

    def follow(self, copy: dict[str, Message], kind: object) -> None:
        if isinstance(kind, MessagePosted | MessageUnsent | MessageEdited):
            copy[kind.message.id] = kind.message
        elif isinstance(kind, MessageReacted):
            if kind.message_id not in copy:
                return  # it has expired
            known = copy[kind.message_id]
            life = life_of(known)
            life.hear(kind.name, kind.emoji, bool(kind.on), kind.count)
            reactions = tuple(Reaction(e, tuple(names)) for e, names in life.reactions.items())
            extras = structs.replace(known.extras, reactions=reactions)
            copy[known.id] = structs.replace(known, extras=extras)
        elif isinstance(kind, MessagesExpired):
            who = {kind.sender, kind.address}
            for message in [*copy.values()]:
                here = {message.sender, message.address} == who
                if here and message.sequence <= kind.through_sequence:
                    del copy[message.id]
        elif isinstance(kind, ConversationMuted | PresenceHidden | UserBlocked | AnnouncementMade):
            pass
        else:
            assert isinstance(kind, MessagesRead | AccountRemoved | ROOM_EVENTS)

    def tick(self) -> int:
        """The time as the leader's clock has it: `now` is only a number without equal."""
        self.now += 1
        return max(1, self.now + self.wrong_ms)  # an edit at 0 would be none

    @rule(wrong_ms=st.sampled_from([0, 0, 30_000, 3_600_000, 10**9, 4 * 10**9, 10**13, -5, -99]))
    def clock_jumps(self, wrong_ms: int) -> None:
        self.wrong_ms = wrong_ms

    @initialize(some=st.booleans(), access=ACCESSES)
    def begin(self, some: bool, access: str) -> None:
        """With two people, or with three in a room of whom one came later."""
        for name in ("ann", "bob"):
            self.register(name)
        if some:
            self.register("cat")
            self.create_room("#lab", "ann", access)
            self.post_new_in_room("ann", "#lab")
            self.add_members("#lab", "ann", ["bob", "cat"])
            self.post_new_in_room("bob", "#lab")
            self.post_new("ann", "bob")

    @rule(name=NAMES)
    def register(self, name: str) -> None:
        at = self.tick()
        result = self.apply(RegisterUser(name, name, f"request {self.now}", at))
        assert isinstance(result, ChatError) is (name in self.reference.alive)
        if result == name:
            self.asked.append(f"request {self.now}")
        self.reference.alive.setdefault(name, True)

    @rule(message_id=IDS, sender=NAMES, recipient=NAMES, text=TEXTS)
    def post(self, message_id: str, sender: str, recipient: str, text: str) -> None:
        self.send(PostMessage(message_id, sender, recipient, text, self.tick()))

    @rule(sender=NAMES, recipient=NAMES)
    def post_new(self, sender: str, recipient: str) -> None:
        self.post(f"new {self.now}", sender, recipient, "one")

    @rule(reader=NAMES, contact=NAMES, limit=st.integers(0, 3))
    def read(self, reader: str, contact: str, limit: int) -> None:
        result = self.apply(ReadMessages(reader, contact, limit, f"read {self.now}", self.tick()))
        marked = self.reference.read(reader, contact, limit)
        assert (None if isinstance(result, ChatError) else result) == marked

    @rule(message_id=IDS, sender=NAMES)
    def unsend(self, message_id: str, sender: str) -> None:
        result = self.apply(UnsendMessage(message_id, sender, self.tick()))
        assert isinstance(result, Message) is self.reference.unsend(message_id, sender)

    def said(self, place: int) -> tuple[str, str, str]:
        """Id, sender and address of a message that is there, the newest at place 0."""
        every = [(line.id, line.sender, line.recipient) for line in self.reference.lines]
        for name, room in self.reference.rooms.items():
            every += [(line.id, line.sender, name) for line in room.lines]
        return every[-1 - place % len(every)] if every else ("none", "ann", "bob")

    def send(self, message: PostMessage) -> None:
        in_room = message.address[0] == "#"
        post = self.reference.post_in_room if in_room else self.reference.post
        may = post(
            message.message_id, message.sender, message.address, message.text, message.in_reply_to
        )
        assert isinstance(self.apply(message), Message) is may
        self.sent.setdefault(message.message_id, message)

    @rule(place=PLACES, sender=NAMES, elsewhere=st.none() | NAMES | ROOMS)
    def reply(self, place: int, sender: str, elsewhere: str | None) -> None:
        original, author, address = self.said(place)
        where = author if address == sender else address
        now = self.tick()
        message = PostMessage(f"new {now}", sender, elsewhere or where, "one", now, original)
        self.send(message)

    @rule(place=PLACES, text=st.none() | TEXTS)
    def send_again(self, place: int, text: str | None) -> None:
        """As it was sent at first, or with another text."""
        before = self.sent.get(self.said(place)[0])
        if before is not None:
            self.send(replace(before, at=self.tick(), text=text or before.text))

    @rule(place=PLACES, sender=st.none() | NAMES, text=TEXTS)
    def edit(self, place: int, sender: str | None, text: str) -> None:
        """Clocks jump by more than a day, too."""
        message_id, author, _ = self.said(place)
        sender = sender or author
        known = self.state.conversations.by_id.get(message_id)
        operation = EditMessage(message_id, sender, text, f"edit {self.now}", self.tick())
        result = self.apply(operation)
        line = self.reference.shown(sender, message_id)
        may = line is not None and line.sender == sender
        if may and known is not None and self.state.clock - known.sent_at > limits.EDIT_WITHIN_MS:
            assert isinstance(result, TooLateToEdit)
            return
        if may and line is not None:
            more = len(text.encode()) - len(line.text.encode())
            may = self.reference.may_hold(sender, more)
        assert isinstance(result, Message) is may
        if may and line is not None and line.text != text:
            line.text, line.life.edited = text, True
        assert self.state.apply(operation).result == result, "it came again"
        self.twin.apply(operation)

    @rule(place=PLACES, name=NAMES, emoji=st.sampled_from("👍🎉"), on=st.booleans())
    def react(self, place: int, name: str, emoji: str, on: bool) -> None:
        message_id = self.said(place)[0]
        request_id = f"react {self.now}"
        result = self.apply(
            ReactToMessage(message_id, name, emoji, int(on), request_id, self.tick())
        )
        line = self.reference.shown(name, message_id)
        assert isinstance(result, Message) is (line is not None)
        if line is not None:
            line.life.react(name, emoji, on)

    @rule(place=PLACES, names=st.permutations(["ann", "bob", "cat"]), on=st.booleans())
    def all_react(self, place: int, names: list[str], on: bool) -> None:
        for name in names:
            self.react(place, name, "👍", on)

    @rule(place=PLACES)
    def unsend_own(self, place: int) -> None:
        """What is unsent takes nothing more."""
        message_id, sender, _ = self.said(place)
        self.unsend(message_id, sender)
        self.react(place, sender, "👍", True)
        self.edit(place, sender, "two")

    @rule(address=st.sampled_from(["bob", "#lab"]))
    def mute_for_a_while(self, address: str) -> None:
        for muted in (True, False):
            self.mute("ann", address, muted)

    @rule(name=NAMES, address=NAMES | ROOMS, muted=st.booleans())
    def mute(self, name: str, address: str, muted: bool) -> None:
        request_id = f"mute {self.now}"
        result = self.apply(MuteConversation(name, address, int(muted), request_id, self.tick()))
        room = self.reference.joined(name, address)
        may = room is not None or (
            self.reference.alive.get(name, False)
            and any({name, address} == {*pair} for pair in self.reference.said)
        )
        assert (result is None) is may
        if may:
            all_muted = self.reference.muted if room is None else room.muted
            what: Any = (name, address) if room is None else name
            (all_muted.add if muted else all_muted.discard)(what)

    @rule(name=ROOMS, owner=NAMES, access=ACCESSES)
    def create_room(self, name: str, owner: str, access: str) -> None:
        made = CreateRoom(name, "", access, owner, name, f"make {self.now}", self.tick())
        result = self.apply(made)
        may = self.reference.alive.get(owner, False) and name not in self.reference.rooms
        assert (result == name) is may
        if may:
            room = ReferenceRoom("", access == "open", [])
            room.come(owner)
            self.reference.rooms[name] = room

    @rule(name=ROOMS, by=NAMES, access=ACCESSES, owner=NAMES)
    def update_room(self, name: str, by: str, access: str, owner: str) -> None:
        updated = UpdateRoom(name, by, "new", 1, access, owner, f"update {self.now}", self.tick())
        result = self.apply(updated)
        room = self.reference.joined(by, name)
        may = room is not None and room.owner == by and owner in room.members
        assert (result is None) is may
        if may and room is not None:
            room.open_up(access == "open")
            room.owner = owner

    @rule(name=ROOMS, by=NAMES, names=st.lists(NAMES, min_size=1, max_size=2))
    def add_members(self, name: str, by: str, names: list[str]) -> None:
        added = AddMembers(name, by, " ".join(names), f"add {self.now}", self.tick())
        result = self.apply(added)
        room = self.reference.rooms.get(name)
        may = room is not None and bool(self.reference.alive.get(by))
        if room is not None and by not in room.members:
            may = may and names == [by] and room.is_open
        may = may and all(self.reference.alive.get(each) for each in names)
        assert (result is None) is may
        if may and room is not None:
            for each in dict.fromkeys(names):
                if each not in room.members and by not in self.reference.blocked.get(each, ()):
                    room.come(each)

    @rule(name=ROOMS, member=NAMES)
    def join(self, name: str, member: str) -> None:
        self.add_members(name, member, [member])

    @rule(name=ROOMS, by=NAMES, member=NAMES)
    def remove_member(self, name: str, by: str, member: str) -> None:
        removed = RemoveMember(name, by, member, f"leave {self.now}", self.tick())
        result = self.apply(removed)
        room = self.reference.joined(by, name)
        may = room is not None and by in (member, room.owner) and member in room.members
        assert (result is None) is may
        if may and room is not None:
            room.go(member)

    @rule(message_id=IDS, sender=NAMES, name=ROOMS, text=TEXTS)
    def post_in_room(self, message_id: str, sender: str, name: str, text: str) -> None:
        self.send(PostMessage(message_id, sender, name, text, self.tick()))

    @rule(sender=NAMES, name=ROOMS)
    def post_new_in_room(self, sender: str, name: str) -> None:
        self.post_in_room(f"new {self.now}", sender, name, "one")

    @rule(reader=NAMES, name=ROOMS, limit=st.integers(0, 3))
    def read_in_room(self, reader: str, name: str, limit: int) -> None:
        result = self.apply(ReadMessages(reader, name, limit, f"read {self.now}", self.tick()))
        room = self.reference.joined(reader, name)
        marked = room.read(reader, limit) if room is not None else None
        assert (None if isinstance(result, ChatError) else result) == marked

    @rule(days=st.sampled_from([0, 1, 1]))
    def set_retention(self, days: int) -> None:
        self.reference.keep_days = days
        assert self.apply(SetRetention(days, "root", f"keep {self.now}", self.tick())) is None

    @rule(name=NAMES, address=NAMES | ROOMS, limit=st.integers(1, 3))
    def expire(self, name: str, address: str, limit: int) -> None:
        """What is old enough is for the leader to say: here all is."""
        name = "" if address[0] == "#" else name
        operation = ExpireMessages(name, address, 10**15, limit, self.tick())
        assert self.apply(operation) == self.reference.expire(name, address, limit)

    @rule()
    def all_expire(self) -> None:
        self.set_retention(1)
        for name, address in (("ann", "bob"), ("cat", "ann"), ("", "#lab")):
            self.expire(name, address, 2)

    @rule(user_bytes=st.sampled_from([0, 0, 600, 2_000]), all_bytes=st.sampled_from([0, 1_500]))
    def set_quota(self, user_bytes: int, all_bytes: int) -> None:
        self.reference.quota = (user_bytes, all_bytes)
        operation = SetQuota(user_bytes, all_bytes, "root", f"quota {self.now}", self.tick())
        assert self.apply(operation) is None

    @rule(name=NAMES, token=IDS)
    def open_session(self, name: str, token: str) -> None:
        self.apply(OpenSession(name, token, "d", self.now + 9, name, self.tick()))

    @rule(token=IDS)
    def end_session(self, token: str) -> None:
        self.apply(EndSession(token, self.tick()))
        assert self.state.accounts.session(token) is None

    @rule(token=IDS)
    def use_session(self, token: str) -> None:
        known = self.state.accounts.session(token)
        assert self.apply(UseSession(token, self.tick())) is None
        used = self.state.accounts.session(token)
        assert (used is None) is (known is None)
        if used is not None:
            assert used.used_at == self.state.clock

    @rule(name=NAMES, own=IDS, other=st.just("") | IDS)
    def end_other_sessions(self, name: str, own: str, other: str) -> None:
        operation = EndOtherSessions(name, own, other, f"end {self.now}", self.tick())
        result = self.apply(operation)
        assert isinstance(result, int) is self.reference.alive.get(name, False)
        if isinstance(result, int):
            left = {each.token_hash for each in self.state.accounts.known(name).sessions}
            assert not {each for each in left if each.startswith(other)} - {own}

    @rule(name=NAMES, hidden=st.booleans())
    def hide_presence(self, name: str, hidden: bool) -> None:
        operation = HidePresence(name, int(hidden), f"hide {self.now}", self.tick())
        may = self.reference.alive.get(name, False)
        assert (self.apply(operation) is None) is may
        if may:
            (self.reference.hidden.add if hidden else self.reference.hidden.discard)(name)

    @rule(me=NAMES, name=NAMES, blocked=st.booleans())
    def block(self, me: str, name: str, blocked: bool) -> None:
        operation = BlockUser(me, name, int(blocked), f"block {self.now}", self.tick())
        alive = self.reference.alive
        may = alive.get(me, False) and name in alive and me != name
        assert (self.apply(operation) is None) is may
        if may:
            names = self.reference.blocked.setdefault(me, [])
            if blocked and name not in names:
                names.append(name)
            if not blocked and name in names:
                names.remove(name)

    @rule(first=st.booleans())
    def block_for_a_while(self, first: bool) -> None:
        """What bob writes meanwhile is his alone, in the midst of what is said."""
        if first:
            self.post_new("bob", "ann")
        self.block("ann", "bob", True)
        self.post_new("bob", "ann")
        self.reply(0, "bob", None)
        self.block("ann", "bob", False)

    @invariant()
    def presence_agrees(self) -> None:
        accounts, hidden = self.state.accounts, self.reference.hidden
        blocked = self.reference.blocked
        for name in self.reference.alive:
            assert list(accounts.known(name).account.blocked) == blocked.get(name, [])
            for to in self.reference.alive:
                apart = to in blocked.get(name, ()) or name in blocked.get(to, ())
                shown = name == to or not (name in hidden or apart)
                assert accounts.shows_presence(name, to) is shown

    @rule(name=NAMES, token=IDS)
    def set_password(self, name: str, token: str) -> None:
        self.apply(SetPassword(name, token, name, name, f"password {self.now}", self.tick()))

    @rule(name=st.just("cat"))
    def remove(self, name: str) -> None:
        result = self.apply(RemoveAccount(name, name, f"remove {self.now}", self.tick()))
        assert (result is None) is self.reference.alive.get(name, False)
        if name in self.reference.alive:
            self.reference.alive[name] = False
            self.reference.hidden.discard(name)
            self.reference.blocked.pop(name, None)
            for room in self.reference.rooms.values():
                if name in room.members:
                    room.go(name)

    @rule()
    def restart(self) -> None:
        """What is read back goes on exactly as its twin that never stopped."""
        document = document_of(self.state)
        self.state = restored(self.state.snapshot().json_lines())
        assert document_of(self.state) == document

    @rule()
    def take_snapshot(self) -> None:
        snapshot = self.state.snapshot()
        self.taken = [*self.taken[-2:], (snapshot, list(snapshot.json_lines()))]

    @invariant()
    def snapshots_stay_as_they_were(self) -> None:
        assert all(list(snapshot.json_lines()) == lines for snapshot, lines in self.taken)

    @invariant()
    def conversations_agree(self) -> None:
        for name in self.reference.alive:
            views, _ = self.state.conversations.page(name, "", 0)
            assert [view.address for view in views] == self.reference.recency(name)
            for view in views:
                messages, _ = self.state.conversations.messages(name, view.address, "", 200)
                lines = self.reference.shown_between(name, view.address)
                assert [(m.id, m.text, m.status.value) for m in messages] == [
                    (line.id, line.text, line.status) for line in lines
                ]
                gone = self.reference.gone.get(frozenset((name, view.address)), 0)
                everything = enumerate(self.reference.between(name, view.address), gone + 1)
                shown = [number for number, line in everything if line.is_shown(name)]
                assert [m.sequence for m in messages] == shown
                assert view.last_message == (messages[-1] if messages else None)
                assert [life_of(message) for message in messages] == [line.life for line in lines]
                assert view.blocked is (view.address in self.reference.blocked.get(name, ()))
                assert view.muted is ((name, view.address) in self.reference.muted)
                assert view.unread_count == len(self.reference.waiting(name, view.address))
            assert self.state.conversations.unread(name) == sum(view.unread_count for view in views)

    @invariant()
    def replayed_events_lead_to_the_same_messages(self) -> None:
        for name, live in self.copies.items():
            if not self.reference.alive[name]:
                continue  # they are told nothing more
            replayed: dict[str, Message] = {}
            events = self.state.events.after(name, 0, 10_000)
            assert [e.cursor for e in events] == list(range(1, self.state.events.cursor(name) + 1))
            for event in events:
                self.follow(replayed, event.kind)
            assert replayed.keys() == live.keys()
            assert [m.text for m in replayed.values()] == [m.text for m in live.values()]
            assert [m.extras for m in replayed.values()] == [m.extras for m in live.values()]

    @invariant()
    def rooms_agree(self) -> None:
        for name, room in self.reference.rooms.items():
            record = self.state.rooms.by_name[name]
            assert list(record.members) == room.members
            assert (record.owner, record.access is Access.OPEN) == (room.owner, room.is_open)
            for member in room.members:
                messages, _ = self.state.rooms.messages(member, name, "", 200)
                assert [(m.id, m.text, m.status.value) for m in messages] == [
                    (line.id, line.text, room.status(line)) for line in room.seen[member]
                ]
                for message, line in zip(messages, room.seen[member], strict=True):
                    readers = sorted(line.readers - {line.sender}) if not line.unsent else []
                    assert message.extras.read_by == len(readers)
                    page = self.state.rooms.readers_page(member, line.id, "", 0)
                    assert page == (readers, "")
                    assert life_of(message) == line.life
                view = self.state.rooms.conversation(member, name)
                assert view.muted is (member in room.muted)
                assert view.unread_count == len(room.waiting(member))
                assert view.last_message == (messages[-1] if messages else None)
                since = record.members[member].since - 1
                events = self.state.events.in_room(member, name, since, 10_000)
                end = record.events.cursor
                assert [e.position for e in events] == list(range(since + 1, end + 1))
                assert self.positions[name, member] == end

    @invariant()
    def usage_agrees(self) -> None:
        for name, user in self.state.accounts.users.items():
            assert (user.held_messages, user.held_bytes) == self.reference.held(name)
        assert self.state.usage.all_bytes == self.reference.held()[1]

    @invariant()
    def requests_are_remembered(self) -> None:
        """However its clock jumps, so few operations make no request a day old."""
        assert all(self.state.requests.finished(request, RegisterUser) for request in self.asked)

    @invariant()
    def names_agree(self) -> None:
        alive = sorted(name for name, is_alive in self.reference.alive.items() if is_alive)
        assert self.state.accounts.page("*", "", 9) == (alive, "")


TestState = Machine.TestCase
TestState.settings = settings(
    derandomize=True,
    max_examples=120,
    stateful_step_count=40,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)

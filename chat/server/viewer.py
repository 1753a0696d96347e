"""Viewer: what one user is shown of messages and events, as the API has it.

What somebody may not see comes without what it says, but in its place: cursors and positions have
no gap for anyone.
"""

from __future__ import annotations

from typing import Any

from chat import wire
from chat.core import limits
from chat.core.state.chat_state import ChatState
from chat.core.state.model import (
    PLAIN,
    ConversationView,
    Event,
    Message,
    MessageEvent,
    MessagePosted,
    RoomEvent,
    UserEvent,
)
from chat.core.state.operations.react_to_message import MessageReacted
from chat.rpc import chat_pb2 as pb
from chat.server.feed import RoomRead


class SharedEvent:
    """The newest events of rooms as they are written: hundreds of streams write the same ones in
    turn, and to put one into bytes takes as long as to pass it on to ten of them."""

    def __init__(self) -> None:
        # By identity, which is theirs while they are kept here; and whether all of it is seen.
        self._written: dict[tuple[int, bool], tuple[RoomEvent, bytes]] = {}
        self._read: tuple[RoomRead | None, pb.Readers] = (None, pb.Readers())

    def of(self, event: RoomEvent, viewer: Viewer) -> bytes:
        """One for all who see what it is about, and another for who does not see all of it."""
        key = id(event), viewer.sees_all_of(event)
        known = self._written.get(key)
        if known is not None:
            return known[1]
        if len(self._written) >= limits.SHARED_EVENTS_MAX:
            del self._written[next(iter(self._written))]
        data = bytes(viewer.room_event(event).SerializeToString())
        self._written[key] = event, data
        return data

    def readers(self, read: RoomRead) -> pb.Readers:
        """The same for all who are told."""
        known, readers = self._read
        if known is not read:
            messages = [pb.ReadBy(sequence=at, read_by=count) for at, count in read.messages]
            readers = pb.Readers(room=read.room, messages=messages)
            self._read = read, readers
        return readers


class Viewer:
    """`changes` is what a client asks for that knows of messages that change."""

    def __init__(self, state: ChatState, name: str, changes: bool = True) -> None:
        self._rooms = state.rooms
        self._name = name
        self._changes = changes

    def message(self, message: Message) -> pb.Message:
        proto = wire.chat_message_to_proto(message, self._name)
        if message.extras is not PLAIN:
            answered = self._rooms.original(self._name, message)
            if answered is not None:
                wire.show_original(proto, *answered)
        return proto

    def conversation(self, view: ConversationView) -> pb.Conversation:
        return wire.conversation_to_proto(view, self.message)

    def event(self, event: UserEvent) -> pb.Event:
        """One of the user's own. In the place of one of a kind that the client does not know it
        hears that it has read nothing, which it does."""
        kind = event.kind
        if self._changes or not kind.is_change:
            return wire.event_to_proto(event, self.message)
        nothing = pb.ReadReceipt(reader=self._name, sender=self._where(kind))
        return pb.Event(cursor=event.cursor, read=nothing)

    def _where(self, kind: Event) -> str:
        about: Any = kind.message if isinstance(kind, MessageEvent) else kind
        others = getattr(about, "sender", self._name) != self._name
        return str(about.sender if others else getattr(about, "address", self._name))

    def room_event(self, event: RoomEvent) -> pb.Event:
        if self._is_hidden(event):
            return pb.Event(room=event.room, position=event.position)
        return wire.room_event_to_proto(event, self.message)

    def readers(self, told: pb.Readers) -> pb.Readers:
        """What is told of messages that the user sees: of those from one on, as they are in
        order; most see the first, and all of it is what others hear, too."""
        room = self._rooms.by_name[told.room]
        if room.shows(self._name, told.messages[0].sequence):
            return told
        shown = (each for each in told.messages if room.shows(self._name, each.sequence))
        return pb.Readers(room=told.room, messages=shown)

    def sees_all_of(self, event: RoomEvent) -> bool:
        """Also what the message that it is about answers."""
        kind = event.kind
        if isinstance(kind, MessagePosted):
            answered = kind.message.extras is not PLAIN and self._rooms.original(
                self._name, kind.message
            )
            return not answered or answered[1]
        return not self._is_hidden(event)

    def _is_hidden(self, event: RoomEvent) -> bool:
        """Whether it is about a message of before the user came, in a private room."""
        kind = event.kind
        if isinstance(kind, MessagePosted):
            return False  # they were there
        if isinstance(kind, MessageEvent):
            sequence = kind.message.sequence
        elif isinstance(kind, MessageReacted):
            sequence = kind.sequence
        else:
            return False
        room = self._rooms.by_name.get(event.room)
        return room is None or not room.shows(self._name, sequence)

"""Follower: the live stream of one person, and what the messages in it and in pages say."""

from __future__ import annotations

import threading
from typing import Any

import grpc

from chat import wire
from chat.client.leaders import metadata_of
from chat.rpc import chat_pb2
from tests.faults.history import Line, Reactions, reacted
from tests.faults.processes import DEADLINE_S, Servers
from tests.faults.seed import token_of

_STATUS = {
    chat_pb2.STATUS_UNREAD: "unread",
    chat_pb2.STATUS_READ: "read",
    chat_pb2.STATUS_DELETED: "deleted",
}
_FIRST_CURSOR = 1  # of the host's welcome, see `seed`
_MOMENTARY = ("heartbeat", "presence", "typing", "readers")


def text_of(message_id: str) -> str:
    """Every sixteenth is nearly as large as can be."""
    rest = "and so on, " * (1_300 if message_id[0] == "0" else 3)
    return f"This is {message_id}: “größer”\n\t{rest}"


def line_of(message: chat_pb2.Message) -> Line:
    status = _STATUS[message.status]
    edit = edit_of(message.id, message.text) if status != "deleted" else message.text
    assert bool(edit) == message.HasField("edited_at"), message
    reactions = tuple((each.emoji, tuple(each.usernames)) for each in message.reactions)
    return Line(message.id, message.sender, status, edit, reactions, message.read_by)


def edited_to(message_id: str, edit: str) -> str:
    return f"{text_of(message_id)}\n{edit}"


def edit_of(message_id: str, text: str) -> str:
    """What the message was edited to; empty where it has the text that it was sent with."""
    sent = text_of(message_id)
    assert text.startswith(sent), f"{message_id} has another text: {text!r}"
    rest = text.removeprefix(sent)
    assert not rest or rest[0] == "\n", f"{message_id} has another text: {text!r}"
    return rest[1:]


class Follower:
    """The live stream of one person, and of their room, resumed after what was taken last wherever
    it breaks. `positions` are set by whoever made the room; `lines` are by where they are."""

    def __init__(self, servers: Servers, name: str, room: str = "") -> None:
        self.name, self.room = name, room
        self.cursor = _FIRST_CURSOR
        self.positions: dict[str, int] = {}
        self.lines: dict[bool, dict[str, Line]] = {False: {}, True: {}}  # in the room: True
        self.places: dict[str, int] = {}
        self.breaks = 0
        self._leaders = servers.leaders()
        self._call: Any = None
        self._closed = threading.Event()
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"stream-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        if self._call is not None:
            self._call.cancel()
        self._leaders.close()
        if self._thread.is_alive():
            self._thread.join(DEADLINE_S)

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                self._follow()
            except grpc.RpcError:
                self.breaks += 1
                leader = self._leaders.current
                if leader is not None:
                    self._leaders.forget(leader)
                self._closed.wait(0.05)
            except BaseException as error:
                if not self._closed.is_set():
                    self.failure = error
                return

    def _follow(self) -> None:
        leader = self._leaders.current or self._leaders.find().leader
        if leader is None:
            self._closed.wait(0.05)
            return
        in_room, positions = bool(self.room), self.positions.items()
        request = chat_pb2.SubscribeRequest(
            after=self.cursor, rooms=in_room, changes=True, bundles=True
        )
        for room, position in positions:
            request.positions.add(room=room, position=position)
        stub = self._leaders.stub(leader.address)
        self._call = stub.Subscribe(request, metadata=metadata_of(token_of(self.name)))
        for event in wire.each_event(self._call):
            self._take(event)

    def _take(self, event: chat_pb2.Event) -> None:
        kind = event.WhichOneof("kind")
        if kind in _MOMENTARY:
            return
        assert kind != "room_begins", f"what {self.name} missed in {event.room} is not kept"
        before = self.positions[event.room] if event.room else self.cursor
        at = event.position if event.room else event.cursor
        assert at == before + 1, f"the stream of {self.name} goes from {before} to {at}"
        if kind == "read":
            self._read(event.read)
        elif kind in ("message", "deleted", "edited", "reacted"):
            self._take_change(event, self.lines[bool(event.room)])
        if event.room:
            self.positions[event.room] = at
        else:
            self.cursor = at

    def _take_change(self, event: chat_pb2.Event, lines: dict[str, Line]) -> None:
        """A replayed event shows the message as it is now, which later events repeat."""
        kind = event.WhichOneof("kind")
        if kind == "edited":
            edit, line = event.edited, lines[event.edited.message_id]
            if edit.text:  # else it was unsent since
                lines[line.id] = line._replace(edit=edit_of(line.id, edit.text))
        elif kind == "reacted":
            told, line = event.reacted, lines[event.reacted.message_id]
            if line.status != "deleted":
                lines[line.id] = line._replace(reactions=_heard(line.reactions, told))
        else:
            message = event.message if kind == "message" else event.deleted
            self.places[message.id] = message.sequence
            lines[message.id] = line_of(message)

    def _read(self, receipt: chat_pb2.ReadReceipt) -> None:
        """By the other one of the pair; who reads in the room says so in their own stream."""
        lines = self.lines[False]
        for one, line in lines.items():
            read = line.sender == receipt.sender and self.places[one] <= receipt.through_sequence
            if read and line.status == "unread":
                lines[one] = line._replace(status="read")


def _heard(known: Reactions, told: chat_pb2.Reacted) -> Reactions:
    """As a client does that may know it already."""
    fresh = told.on and told.count == 1
    without = reacted(known, told.username, told.emoji, on=False)
    if fresh:
        without = tuple(each for each in without if each[0] != told.emoji)
    return reacted(without, told.username, told.emoji, on=True) if told.on else without


def in_room(line: Line) -> Line:
    """Who has read is told by no event that counts."""
    return line._replace(status="unread" if line.status == "read" else line.status, read_by=0)

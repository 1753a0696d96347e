"""What is newer, where the stream and an answer tell of the same message; and what is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chat.client import known_messages
from chat.client.events import ChatMessage, ClientEvent, Mark, MessageChanged, Quote, ReactionInfo
from chat.client.known_messages import KnownMessages
from chat.client.rows import changed, reacted
from chat.client.timeline import Timeline
from chat.rpc import chat_pb2 as pb

ROW = ChatMessage("m", "#lab", "ada", "one", 1.0, 1, Mark.SENT)


def message(text: str = "one", **fields: Any) -> pb.Message:
    return pb.Message(
        id="m", sender="ada", recipient="#lab", text=text, sequence=1, status=pb.STATUS_UNREAD,
        **fields,
    )  # fmt: skip


def edit(text: str) -> pb.Event:
    edited = pb.Edited(message_id="m", sender="ada", recipient="#lab", sequence=1, text=text)
    edited.edited_at.FromSeconds(9)
    return pb.Event(edited=edited)


def reaction(name: str, emoji: str, on: bool, count: int) -> pb.Event:
    told = pb.Reacted(message_id="m", sender="ada", recipient="#lab", sequence=1)
    told.username, told.emoji, told.on, told.count = name, emoji, on, count
    return pb.Event(reacted=told)


class Listener:
    """A timeline of ada's that knows the message, in a room."""

    def __init__(self) -> None:
        self.events: list[ClientEvent] = []
        self.timeline = Timeline(self.events.append)
        self.timeline.begin("ada", lambda _: ())
        conversation = pb.Conversation(contact="#lab", room=pb.Room(name="#lab", member=True))
        begins = pb.RoomBegins(conversation=conversation)
        self.timeline.take(pb.Event(room="#lab", position=1, room_begins=begins), live=True)
        self.position = 1
        self.hear(pb.Event(message=message()))

    def hear(self, event: pb.Event) -> None:
        self.position += 1
        event.room, event.position = "#lab", self.position
        assert self.timeline.take(event, live=True)

    @property
    def row(self) -> ChatMessage:
        return [e.message for e in self.events if isinstance(e, MessageChanged)][-1]


def test_an_answer_that_was_on_its_way_shows_nothing_that_is_over() -> None:
    listener = Listener()
    asked = listener.timeline.mark()
    listener.hear(edit("two"))
    listener.hear(reaction("bob", "u", True, 1))
    listener.timeline.take_answer(message(read_by=1), asked)
    thumbs = (ReactionInfo("u", ("bob",), 1, False),)
    assert (listener.row.text, listener.row.reactions, listener.row.read_by) == ("two", thumbs, 1)
    listener.timeline.take_answer(message("three"), listener.timeline.mark())
    assert (listener.row.text, listener.row.reactions) == ("three", ()), "asked for after that"
    listener.timeline.page("#lab", [message("four")], True, False, asked=listener.timeline.mark())
    listener.hear(pb.Event(deleted=pb.Message(
        id="m", sender="ada", recipient="#lab", sequence=1, status=pb.STATUS_DELETED)))  # fmt: skip
    listener.hear(edit("five"))
    listener.hear(reaction("bob", "u", True, 1))
    listener.timeline.take_answer(message("six"))
    assert (listener.row.mark, listener.row.text) == (Mark.UNSENT, "")
    assert listener.row.reactions == ()


def test_an_event_without_a_kind_is_no_gap() -> None:
    listener = Listener()
    listener.hear(pb.Event())
    timeline = Timeline(lambda _: None)
    timeline.begin("ada", lambda _: ())
    timeline.load([], 0)
    timeline.start_over(0)
    assert timeline.take(pb.Event(cursor=1), live=True)
    assert timeline.cursor == 1
    assert not timeline.take(pb.Event(cursor=3), live=True)
    for momentary in (pb.Event(cursor=1, typing=pb.Typing(username="bob", contact="bob")),
                      pb.Event(cursor=1, readers=pb.Readers(room="#none"))):  # fmt: skip
        assert timeline.take(momentary, live=True)


def test_what_is_replayed_from_the_message_as_it_is_by_now_leads_to_its_order() -> None:
    """The message begins as it is at the end; then all is told again that led there."""
    told = [
        ("ada", True, 1), ("bob", True, 2), ("ada", False, 1), ("ada", True, 2), ("bob", False, 1),
        ("bob", True, 2),
    ]  # fmt: skip
    end = replace(ROW, reactions=(ReactionInfo("u", ("ada", "bob"), 2, True),))
    row = end
    for name, on, count in told:
        row = changed("ada", row, reaction(name, "u", on, count))
    assert row == end
    two = replace(end, reactions=(*end.reactions, ReactionInfo("v", ("cy",), 1, False)))
    again = changed("ada", two, reaction("cy", "u", True, 1))
    assert [each.emoji for each in again.reactions] == ["v", "u"], "nobody's any more, then anew"


def test_of_many_the_first_are_named_and_all_are_counted() -> None:
    row = ROW
    for number in range(1, 31):
        row = reacted("ada", row, reaction(f"p{number}", "u", True, number).reacted)
    (shown,) = row.reactions
    assert (shown.count, len(shown.usernames), shown.mine) == (30, 20, False)
    row = reacted("ada", row, reaction("ada", "u", True, 31).reacted)
    assert row.reactions[0].mine
    row = reacted("ada", row, reaction("p30", "u", False, 30).reacted)
    assert (row.reactions[0].count, row.reactions[0].mine) == (30, True)
    assert reacted("ada", row, reaction("p1", "u", False, 0).reacted).reactions == ()


def test_the_oldest_are_forgotten_with_all_that_is_known_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(known_messages, "KNOWN_MESSAGES_MAX", 3)
    monkeypatch.setattr(known_messages, "CHANGES_KNOWN_MAX", 2)
    known = KnownMessages()
    for number in range(6):
        quote = Quote("m0", 1, "ada", "one")
        known.remember(replace(ROW, id=f"m{number}", sequence=number + 1, quote=quote))
        known.note_change(f"m{number}")
    edited = Quote("m0", 1, "ada", "two")
    assert [row.id for row in known.requoted(edited)] == ["m3", "m4", "m5"]
    assert [row.id for row in known.unread_until("#lab", 5)] == ["m3", "m4"]
    assert [row.id for row in known.after("#lab", 4)] == ["m4", "m5"]
    known.forget_sent("#other")
    assert "m5" in known
    known.forget_sent("#lab")
    assert "m5" not in known
    assert not known.requoted(edited)


@pytest.mark.parametrize("more", [0, 1])
def test_many_answers_are_told_once_of_many_edits(more: int) -> None:
    """At the next heartbeat, and then of the last one; few at each."""
    listener, count = Listener(), known_messages.ANSWERS_AT_ONCE_MAX + more
    reply = pb.Reply(message_id="m", sequence=1, sender="ada", text="one")
    for number in range(2, count + 2):
        listener.hear(pb.Event(message=pb.Message(
            id=f"m{number}", sender="bob", recipient="#lab", text="yes", sequence=number,
            status=pb.STATUS_UNREAD, in_reply_to=reply)))  # fmt: skip

    def told(act: Callable[[], object]) -> list[str]:
        listener.events.clear()
        act()
        changes = [e.message for e in listener.events if isinstance(e, MessageChanged)]
        return [row.quote.text for row in changes if row.quote is not None]

    def edits() -> None:
        for text in ("two", "three", "four"):
            listener.hear(edit(text))

    def beat() -> None:
        listener.timeline.take(pb.Event(cursor=0, heartbeat=pb.Heartbeat()), live=True)

    at_each = [text for text in ("two", "three", "four") for _ in range(count)]
    assert told(edits) == ([] if more else at_each)
    assert told(beat) == (["four"] * count if more else [])
    assert not told(beat)

"""Rows of a transcript, made of what the wire or the outbox has, and changed by what happens.

Pure: no lock, no event.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from chat.client.acts import Act, Queued
from chat.client.events import ChatMessage, Mark, Quote, ReactionInfo, WaitingChange
from chat.core.limits import QUOTE_CHARACTERS_MAX, REACTION_NAMES_MAX
from chat.core.mentions import is_mentioned
from chat.core.state.model import ROOM_MARK
from chat.rpc import chat_pb2


def where(me: str, author: str, address: str) -> str:
    """Where I find what somebody did at this address of theirs: what is between two people, each
    finds under the other's name, and a room is at one address for all."""
    return author if address == me else address


def row_of_message(me: str, message: chat_pb2.Message) -> ChatMessage:
    mine = message.sender == me
    if message.status == chat_pb2.STATUS_DELETED:
        mark = Mark.UNSENT
    elif not mine:
        mark = Mark.RECEIVED
    elif message.status == chat_pb2.STATUS_READ:
        mark = Mark.READ
    else:
        mark = Mark.SENT
    row = ChatMessage(
        message.id,
        where(me, message.sender, message.recipient),
        message.sender,
        message.text,
        message.sent_at.ToNanoseconds() / 1e9,
        message.sequence,
        mark,
        read_by=message.read_by,
        mentions_me=_mentions(me, message.sender, message.recipient, message.text),
    )
    answers, was_edited = message.HasField("in_reply_to"), message.HasField("edited_at")
    if not (answers or was_edited or message.reactions):
        return row
    return replace(
        row,
        quote=_quote(message.in_reply_to) if answers else None,
        edited_at=message.edited_at.ToNanoseconds() / 1e9,
        reactions=tuple(
            ReactionInfo(each.emoji, tuple(each.usernames), each.count, each.mine)
            for each in message.reactions
        ),
    )


def _mentions(me: str, sender: str, address: str, text: str) -> bool:
    return address.startswith(ROOM_MARK) and sender != me and is_mentioned(text, me)


def _quote(reply: chat_pb2.Reply) -> Quote:
    return Quote(reply.message_id, reply.sequence, reply.sender, reply.text)


def quote_of(row: ChatMessage) -> Quote:
    """What an answer to this one shows of it."""
    return Quote(row.id, row.sequence, row.sender, row.text[:QUOTE_CHARACTERS_MAX])


def row_of_queued(queued: Queued) -> ChatMessage:
    """Of a message its row in the transcript; of a change one for the list of what waits."""
    mark = Mark.FAILED if queued.failure else Mark.QUEUED
    answers = queued.act is Act.SEND and queued.about
    return ChatMessage(
        queued.id,
        queued.address,
        queued.owner,
        queued.text,
        queued.queued_at,
        0,
        mark,
        queued.failure,
        quote=Quote(queued.about, 0, "", "") if answers else None,
        act=queued.act,
        about="" if answers else queued.about,
    )


def change_of_queued(queued: Queued) -> WaitingChange:
    return WaitingChange(queued.id, queued.act, queued.text, queued.failure)


def what_changed(me: str, event: chat_pb2.Event) -> tuple[str, str]:
    """The id of the message, and where its conversation is."""
    change = getattr(event, event.WhichOneof("kind") or "")
    return change.message_id, where(me, change.sender, change.recipient)


def changed(me: str, row: ChatMessage, event: chat_pb2.Event) -> ChatMessage:
    """By an event that is about this message."""
    kind = event.WhichOneof("kind") or ""
    return CHANGES[kind](me, row, getattr(event, kind))


def edited(me: str, row: ChatMessage, event: chat_pb2.Edited) -> ChatMessage:
    """One that was unsent since has no text to show, and stays as it is until that is told."""
    if row.mark is Mark.UNSENT or not event.text:
        return row
    return replace(
        row,
        text=event.text,
        edited_at=event.edited_at.ToNanoseconds() / 1e9,
        mentions_me=_mentions(me, event.sender, event.recipient, event.text),
    )


def reacted(me: str, row: ChatMessage, event: chat_pb2.Reacted) -> ChatMessage:
    """The server's count holds, whatever of this is known already. Who puts it there comes last,
    and so does an emoji that nobody had put there: where a replay begins with the message as it
    is by now, what follows leads to the same order."""
    if row.mark is Mark.UNSENT:
        return row
    emoji, who = event.emoji, event.username
    before = next((r for r in row.reactions if r.emoji == emoji), None)
    names = tuple(name for name in (before.usernames if before else ()) if name != who)
    if event.on and len(names) < REACTION_NAMES_MAX:
        names = (*names, who)
    mine = event.on if who == me else before is not None and before.mine
    now = ReactionInfo(emoji, names, event.count, mine)
    if before is None or (event.on and event.count == 1):
        reactions = [*(each for each in row.reactions if each is not before), now]
    else:
        reactions = [now if each is before else each for each in row.reactions]
    return replace(row, reactions=tuple(each for each in reactions if each.count))


# What changes a message, by the kind of the event; and all that it changes of a row.
CHANGES: Final[dict[str, Callable[[str, ChatMessage, Any], ChatMessage]]] = {
    "edited": edited,
    "reacted": reacted,
}
CHANGED: Final = ("text", "edited_at", "reactions", "mentions_me")


def read_by(row: ChatMessage, count: int) -> ChatMessage:
    """A number that was on its way for longer is smaller than what is known."""
    if row.mark is Mark.UNSENT or count <= row.read_by:
        return row
    mark = Mark.READ if row.mark is Mark.SENT else row.mark
    return replace(row, read_by=count, mark=mark)

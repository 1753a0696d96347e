"""What was said, where an operation is about it: found for whom it is, changed, and told of."""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from chat.core.errors import NoSuchMessage, RecipientDeleted
from chat.core.state.model import Event, Message, MessageStatus, Outcome
from chat.core.state.tables.tables import Tables


def message_of(tables: Tables, me: str, message_id: str) -> Message:
    """One that this user sees, in a conversation that still takes something. NoSuchMessage, also
    for one that was unsent; RecipientDeleted."""
    message = tables.conversations.by_id.get(message_id)
    if message is None or not tables.rooms.shows(me, message):
        raise NoSuchMessage("There is no such message.")
    if message.status is MessageStatus.UNSENT:
        raise NoSuchMessage("This message was unsent.")
    if message.address not in tables.rooms.by_name:
        for name in tables.conversations.of(message).members:
            if tables.accounts.users[name].account.deleted:
                raise RecipientDeleted("The account of the other one was deleted.")
    return message


def known_to(tables: Tables, me: str, message: Message) -> Message:
    """The message as it is by now, for who asks again for what they did. Where they are out of the
    room, or came to it anew, of their own what they said, without what others did since;
    NoSuchMessage for one of somebody else."""
    if tables.rooms.shows(me, message):
        return tables.rooms.seen(message)
    if message.sender != me:
        raise NoSuchMessage("There is no such message.")
    return replace(message, extras=replace(message.extras, reactions=()))


def put(tables: Tables, message: Message) -> None:
    """The message as it is from now on."""
    room = tables.rooms.by_name.get(message.address)
    if room is not None:
        tables.rooms.put(room, message)
    else:
        tables.conversations.put(message)


def tell(tables: Tables, message: Message, event: Event) -> Outcome:
    """Those of its conversation; the result is the message as it now is."""
    room, now = tables.rooms.by_name.get(message.address), tables.rooms.seen(message)
    if room is not None:
        return Outcome(now, rooms=(tables.rooms.tell(room, event),))
    return Outcome(now, tables.events.tell(told_of(tables, message), event))


def told_of(tables: Tables, message: Message) -> Collection[str]:
    """Who hears of what becomes of a message between two people: who may see it."""
    withheld = message.extras.withheld
    return (message.sender,) if withheld else tables.conversations.of(message).members

"""Records as rows, and rows as records. Pure.

What is never looked for by a field of its own is kept as JSON, field by field: one that comes later
needs no other table.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from chat.core.json_text import compact_json
from chat.core.state.form import event_from_json, event_to_json
from chat.core.state.model import PLAIN, Account, Extras, Message, MessageStatus, Session
from chat.core.state.tables.records import KeptEvent

Row = tuple[Any, ...]

_account: Final = msgspec.json.Decoder(Account)
_session: Final = msgspec.json.Decoder(Session)
_extras: Final = msgspec.json.Decoder(Extras)


def account_of(record: str) -> Account:
    return _account.decode(record)


def session_of(record: str) -> Session:
    return _session.decode(record)


def text_of(record: Account | Session | Extras) -> str:
    return msgspec.json.encode(record).decode()


def message_of(row: Row) -> Message:
    """id, place, sequence, sender, address, text, sent_at, unsent, extras."""
    message_id, _place, sequence, sender, address, text, sent_at, unsent, extras = row
    return Message(
        message_id,
        sender,
        address,
        text,
        sent_at,
        sequence,
        MessageStatus.UNSENT if unsent else MessageStatus.UNREAD,
        extras=_extras.decode(extras) if extras is not None else PLAIN,
    )


def row_of_message(message: Message, place: str) -> Row:
    return (
        message.id, place, message.sequence, message.sender, message.address, message.text,
        message.sent_at, message.status is MessageStatus.UNSENT,
        None if message.extras is PLAIN else text_of(message.extras),
    )  # fmt: skip


def event_of(text: str) -> KeptEvent:
    return event_from_json(json.loads(text), str, str)


def text_of_event(event: KeptEvent) -> str:
    return compact_json(event_to_json(event))


def array_of(values: Iterable[Any]) -> str:
    """As PostgreSQL reads an array of texts, numbers or truths. psycopg's own way took a third of
    the processor time of a batch."""
    return "{" + ",".join(map(_item, values)) + "}"


def _item(value: Any) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return "null" if value is None else str(value)

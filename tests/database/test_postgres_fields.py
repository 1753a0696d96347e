"""What a record has is in the tables of the database, or is known to be refused there."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from chat.core.state.tables.records import Conversation, FinishedRequest, Member, User
from chat.core.state.tables.room_records import Room, RoomMember
from chat.core.state.tables.usage import Usage

# Who adds a field to one of these adds it to `loading.py` and `saving.py`, by a new migration.
# `gone` and `keep_days` belong to messages that expire, which the engine refuses.
KNOWN: dict[type[Any], str] = {
    User: "account sessions events conversations unread rooms held_messages held_bytes epoch",
    Conversation: "members activity messages epoch messages_epoch gone",
    Member: "address read_through unread muted hidden",
    Room: "name topic access owner skeleton activity shown_from members messages unsent events"
    " epoch messages_epoch gone",
    RoomMember: "since first came_after read_through own_after muted",
    FinishedRequest: "request_id operation username about marked at",
}


@pytest.mark.parametrize("record", KNOWN)
def test_each_field_of_a_record_is_known(record: type[Any]) -> None:
    found = getattr(record, "__struct_fields__", None) or [each.name for each in fields(record)]
    assert set(found) == set(KNOWN[record].split())


def test_what_counts_for_all_of_it_is_known() -> None:
    known = {"_accounts", "_keeper", "all_bytes", "keep_days", "quota"}
    assert set(Usage.__slots__) == known

"""Operations and events are listed, written, read back and bounded, each from its fields alone."""

from __future__ import annotations

from dataclasses import fields
from importlib import import_module
from inspect import isabstract
from pkgutil import iter_modules
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat import peer_wire, wire
from chat.core.errors import ChatError, kinds
from chat.core.files.journal import encode_record, record_bytes
from chat.core.json_text import compact_json
from chat.core.replication.leadership import ViewNumber
from chat.core.replication.messages import Entry, EntryRecord
from chat.core.state import operations
from chat.core.state.form import (
    bytes_max,
    event_from_json,
    event_to_json,
    operation_from_json,
    operation_text,
    operation_to_json,
)
from chat.core.state.model import (
    Event,
    Extras,
    Message,
    MessageEvent,
    MessagePosted,
    MessagesExpired,
    UserEvent,
)
from chat.core.state.operations import Operation
from chat.core.state.operations.add_members import AddMembers
from chat.core.state.operations.announce import Announce
from chat.core.state.operations.block_user import BlockUser
from chat.core.state.operations.create_room import CreateRoom
from chat.core.state.operations.disable_account import DisableAccount
from chat.core.state.operations.edit_message import EditMessage
from chat.core.state.operations.enable_account import EnableAccount
from chat.core.state.operations.end_other_sessions import EndOtherSessions
from chat.core.state.operations.end_session import EndSession
from chat.core.state.operations.end_sessions import EndSessions
from chat.core.state.operations.expel_account import ExpelAccount
from chat.core.state.operations.expire_messages import ExpireMessages
from chat.core.state.operations.hide_presence import HidePresence
from chat.core.state.operations.make_invite import MakeInvite
from chat.core.state.operations.mute_conversation import MuteConversation
from chat.core.state.operations.open_session import OpenSession
from chat.core.state.operations.post_message import PostMessage
from chat.core.state.operations.react_to_message import ReactToMessage
from chat.core.state.operations.read_messages import ReadMessages
from chat.core.state.operations.register_user import RegisterUser
from chat.core.state.operations.remove_account import RemoveAccount
from chat.core.state.operations.remove_member import RemoveMember
from chat.core.state.operations.reset_password import ResetPassword
from chat.core.state.operations.revoke_invite import RevokeInvite
from chat.core.state.operations.set_password import SetPassword
from chat.core.state.operations.set_quota import SetQuota
from chat.core.state.operations.set_retention import SetRetention
from chat.core.state.operations.take_copy import TakeCopy
from chat.core.state.operations.unsend_message import UnsendMessage
from chat.core.state.operations.update_room import UpdateRoom
from chat.core.state.operations.use_session import UseSession
from chat.core.state.registry import EVENTS, OPERATIONS
from chat.core.state.tables.records import kept
from chat.rpc import chat_pb2, replication_pb2

_T = TypeVar("_T")
# What the log and the wire add around an operation.
_FRAMING_BYTES = 64
HELPERS = {"administered", "once", "said"}
MODULES = [
    import_module(f"{operations.__name__}.{module.name}")
    for module in iter_modules(operations.__path__)
    if module.name not in HELPERS
]
TEXTS = st.text(st.characters(codec="utf-8"), max_size=50) | st.sampled_from(["", '"\\\x00', "ü😀"])
NUMBERS = st.integers(0, 2**63 - 1)


def values_of(kind: type[Any]) -> st.SearchStrategy[Any]:
    types = [NUMBERS if field.type == "int" else TEXTS for field in fields(kind)]
    return st.builds(kind, *types)


def any_operation() -> st.SearchStrategy[Operation]:
    return st.one_of(*map(values_of, OPERATIONS.values()))


def defined_in(module: Any, base: type[_T]) -> list[type[_T]]:
    own = (thing for thing in vars(module).values() if isinstance(thing, type))
    return [each for each in own if each.__module__ == module.__name__ and issubclass(each, base)]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.split(".")[-1])
def test_a_module_is_one_operation_and_what_it_tells(module: Any) -> None:
    told = Event, ChatError
    own = [kind for kind in defined_in(module, object) if not issubclass(kind, told)]
    (operation,) = (kind for kind in own if not kind.__name__.startswith("_"))
    assert OPERATIONS.get(operation.__name__) is operation, "it is no dataclass, or no Operation"
    assert not isabstract(operation), operation.__abstractmethods__
    for event in defined_in(module, Event):
        assert EVENTS.get(event.tag) is event, "it is no dataclass, or another has its tag"


def test_no_two_have_one_name() -> None:
    assert len(OPERATIONS) == len(MODULES)
    told = [
        MessagePosted,
        MessagesExpired,
        *(event for module in MODULES for event in defined_in(module, Event)),
    ]
    assert len(EVENTS) == len(told)


def test_no_two_errors_have_one_reason() -> None:
    reasons = [kind.reason for kind in kinds()]
    assert len(set(reasons)) == len(reasons)


@pytest.mark.parametrize("kind", [*OPERATIONS.values(), *EVENTS.values()])
def test_fields_are_texts_and_whole_numbers(kind: type[Any]) -> None:
    types = {field.type for field in fields(kind)}
    assert types <= ({"Message"} if issubclass(kind, MessageEvent) else {"str", "int"})


@given(any_operation())
def test_what_is_written_is_read_back(operation: Operation) -> None:
    assert operation_from_json(operation_to_json(operation)) == operation


# Two servers that hash one operation differently hold each other's histories for others.
HASHED: tuple[tuple[Operation, str], ...] = (
    (
        RegisterUser("ann", "h", "r", 1),
        '{"do":"RegisterUser","username":"ann","password_hash":"h","request_id":"r","at":1}',
    ),
    (
        RegisterUser("ann", "h", "r", 1, "s"),
        '{"do":"RegisterUser","username":"ann","password_hash":"h","request_id":"r","at":1,'
        '"skeleton":"s"}',
    ),
    (
        OpenSession("ann", "t", "d", 9, "h", 1),
        '{"do":"OpenSession","username":"ann","token_hash":"t","device_name":"d","expires_at":9,'
        '"checked_hash":"h","at":1}',
    ),
    (EndSession("t", 1), '{"do":"EndSession","token_hash":"t","at":1}'),
    (
        SetPassword("ann", "t", "h", "i", "r", 1),
        '{"do":"SetPassword","username":"ann","token_hash":"t","checked_hash":"h",'
        '"password_hash":"i","request_id":"r","at":1}',
    ),
    (
        RemoveAccount("ann", "h", "r", 1),
        '{"do":"RemoveAccount","username":"ann","checked_hash":"h","request_id":"r","at":1}',
    ),
    (
        PostMessage("m", "ann", "bob", 'ü "', 1),
        '{"do":"PostMessage","message_id":"m","sender":"ann","recipient":"bob",'
        '"text":"ü \\"","at":1}',
    ),
    (
        PostMessage("m", "ann", "bob", "hi", 1, "n"),
        '{"do":"PostMessage","message_id":"m","sender":"ann","recipient":"bob",'
        '"text":"hi","at":1,"in_reply_to":"n"}',
    ),
    (
        EditMessage("m", "ann", "hi", "r", 1),
        '{"do":"EditMessage","message_id":"m","sender":"ann","text":"hi","request_id":"r","at":1}',
    ),
    (
        ReactToMessage("m", "ann", "👍", 1, "r", 1),
        '{"do":"ReactToMessage","message_id":"m","name":"ann","emoji":"👍","on":1,'
        '"request_id":"r","at":1}',
    ),
    (
        MuteConversation("ann", "#lab", 1, "r", 1),
        '{"do":"MuteConversation","name":"ann","address":"#lab","muted":1,"request_id":"r","at":1}',
    ),
    (
        ReadMessages("ann", "bob", 2, "r", 1),
        '{"do":"ReadMessages","reader":"ann","contact":"bob","limit":2,"request_id":"r","at":1}',
    ),
    (
        UnsendMessage("m", "ann", 1),
        '{"do":"UnsendMessage","message_id":"m","sender":"ann","at":1}',
    ),
    (
        CreateRoom("#lab", "t", "open", "ann", "s", "r", 1),
        '{"do":"CreateRoom","room":"#lab","topic":"t","access":"open","owner":"ann",'
        '"skeleton":"s","request_id":"r","at":1}',
    ),
    (
        UpdateRoom("#lab", "ann", "t", 1, "private", "bob", "r", 1),
        '{"do":"UpdateRoom","room":"#lab","by":"ann","topic":"t","sets_topic":1,'
        '"access":"private","owner":"bob","request_id":"r","at":1}',
    ),
    (
        AddMembers("#lab", "ann", "bob cat", "r", 1),
        '{"do":"AddMembers","room":"#lab","by":"ann","names":"bob cat","request_id":"r","at":1}',
    ),
    (
        RemoveMember("#lab", "ann", "bob", "r", 1),
        '{"do":"RemoveMember","room":"#lab","by":"ann","name":"bob","request_id":"r","at":1}',
    ),
    (
        DisableAccount("ann", "root", "r", 1),
        '{"do":"DisableAccount","username":"ann","by":"root","request_id":"r","at":1}',
    ),
    (
        EnableAccount("ann", "root", "r", 1),
        '{"do":"EnableAccount","username":"ann","by":"root","request_id":"r","at":1}',
    ),
    (
        ResetPassword("ann", "h", "root", "r", 1),
        '{"do":"ResetPassword","username":"ann","password_hash":"h","by":"root",'
        '"request_id":"r","at":1}',
    ),
    (
        EndSessions("ann", "ab", "root", "r", 1),
        '{"do":"EndSessions","username":"ann","session":"ab","by":"root","request_id":"r","at":1}',
    ),
    (
        EndOtherSessions("ann", "cd", "ab", "r", 1),
        '{"do":"EndOtherSessions","name":"ann","own":"cd","session":"ab","request_id":"r","at":1}',
    ),
    (
        BlockUser("ann", "bob", 1, "r", 1),
        '{"do":"BlockUser","me":"ann","name":"bob","blocked":1,"request_id":"r","at":1}',
    ),
    (
        HidePresence("ann", 1, "r", 1),
        '{"do":"HidePresence","name":"ann","hidden":1,"request_id":"r","at":1}',
    ),
    (UseSession("t", 1), '{"do":"UseSession","token_hash":"t","at":1}'),
    (
        RegisterUser("ann", "h", "r", 1, "s", "i"),
        '{"do":"RegisterUser","username":"ann","password_hash":"h","request_id":"r","at":1,'
        '"skeleton":"s","invite_hash":"i"}',
    ),
    (
        MakeInvite("c", 2, 3, "root", "r", 1),
        '{"do":"MakeInvite","code_hash":"c","uses":2,"lasts":3,"by":"root","request_id":"r",'
        '"at":1}',
    ),
    (
        RevokeInvite("c", "root", "r", 1),
        '{"do":"RevokeInvite","invite":"c","by":"root","request_id":"r","at":1}',
    ),
    (
        TakeCopy("ann", "root", "r", 1),
        '{"do":"TakeCopy","of":"ann","by":"root","request_id":"r","at":1}',
    ),
    (
        SetRetention(2, "root", "r", 1),
        '{"do":"SetRetention","days":2,"by":"root","request_id":"r","at":1}',
    ),
    (
        ExpireMessages("ann", "bob", 3, 4, 1),
        '{"do":"ExpireMessages","name":"ann","address":"bob","before":3,"limit":4,"at":1}',
    ),
    (
        ExpireMessages("ann", "bob", 3, 4, 1, 2),
        '{"do":"ExpireMessages","name":"ann","address":"bob","before":3,"limit":4,"at":1,"days":2}',
    ),
    (
        SetQuota(2, 3, "root", "r", 1),
        '{"do":"SetQuota","user_bytes":2,"all_bytes":3,"by":"root","request_id":"r","at":1}',
    ),
    (
        Announce("hi", "root", "r", 1),
        '{"do":"Announce","text":"hi","by":"root","request_id":"r","at":1}',
    ),
    (
        ExpelAccount("ann", "root", "r", 1),
        '{"do":"ExpelAccount","username":"ann","by":"root","request_id":"r","at":1}',
    ),
)


def test_every_operation_is_hashed_as_it_always_was() -> None:
    assert [operation_text(operation) for operation, _ in HASHED] == [text for _, text in HASHED]
    assert {type(operation) for operation, _ in HASHED} == set(OPERATIONS.values())


@given(any_operation())
def test_no_operation_is_longer_than_it_may_be(operation: Operation) -> None:
    entry = Entry(2**40, ViewNumber(2**40, 9), operation, b"x" * 20)
    assert len(compact_json(operation_to_json(operation)).encode()) <= bytes_max(operation)
    assert peer_wire.entry_to_proto(entry).ByteSize() <= bytes_max(operation) + _FRAMING_BYTES
    record = encode_record(EntryRecord(entry, 2**40), unsynced=2**40)
    assert len(record) <= record_bytes(operation)


@given(any_operation())
def test_the_very_text_that_is_hashed_is_sent_and_written(operation: Operation) -> None:
    text = operation_text(operation)
    entry = Entry(7, ViewNumber(2, 1), operation, text=text)
    come = peer_wire.entry_from_proto(peer_wire.entry_to_proto(entry))
    assert (come, come.text) == (entry, text)
    assert f'"operation":{text},'.encode() in encode_record(EntryRecord(come, 6))


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"do":"Nothing","at":1}', b'"\xff"'])
def test_an_entry_of_an_unknown_operation_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        peer_wire.entry_from_proto(replication_pb2.Entry(index=1, operation=text))


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"do": "Nothing", "at": 1},
        {"do": "EndSession", "at": 1},
        {"do": "EndSession", "at": "1", "token_hash": "t"},
        {"do": "EndSession", "at": True, "token_hash": "t"},
        {"do": "EndSession", "at": 1, "token_hash": "t", "more": 1},
    ],
)
def test_other_operations_are_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        operation_from_json(document)


MESSAGE = Message("m", "ann", "bob", "hi", 5, 1, extras=Extras(edited_at=6))


def sample(kind: type[Any]) -> Event:
    about = {"Message": MESSAGE, "str": "ann", "int": 3, "access": "open"}
    event: Event = kind(*(about.get(f.name, about[str(f.type)]) for f in fields(kind)))
    return event


@pytest.mark.parametrize("kind", EVENTS.values())
def test_what_is_kept_of_an_event_is_read_back(kind: type[Event]) -> None:
    what = kept(sample(kind))
    assert event_from_json(event_to_json(what), str, str) == what


@pytest.mark.parametrize(
    "value",
    [3, None, [], [3], ["what"], ["unsent"], ["unsent", 3], ["read", "ann", "bob", 1], [[], "m"]],
)
def test_other_events_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="is not an event"):
        event_from_json(value, str, str)


def test_clients_can_tell_every_kind_of_event() -> None:
    said = [wire.event_to_proto(UserEvent(1, sample(kind))) for kind in EVENTS.values()]
    assert len({event.WhichOneof("kind") for event in said}) == len(EVENTS)


@pytest.mark.parametrize("kind", EVENTS.values())
def test_clients_are_told_all_of_it(kind: type[Any]) -> None:
    """Each field of the core, and each of the wire, but for what many messages do not have."""
    proto = wire.event_to_proto(UserEvent(1, sample(kind)))
    body = getattr(proto, str(proto.WhichOneof("kind")))
    if not issubclass(kind, MessageEvent):
        assert len(body.ListFields()) == len(fields(kind))
    if not isinstance(body, chat_pb2.Message):
        assert len(body.ListFields()) == len(body.DESCRIPTOR.fields)

"""The written form of operations and events: JSON, the same on every server, from their fields.

A field of an operation with a default is one that older versions did not write: it may be
missing in JSON, and is left out where it has its default. The written form is hashed, so it
never changes: a field that has another name by now has metadata that tell how it is "written".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from json.encoder import encode_basestring
from operator import attrgetter
from typing import Any, Final

from chat.core.json_text import compact_json, parse_json
from chat.core.state.model import MessageEvent
from chat.core.state.operations import Operation
from chat.core.state.registry import EVENTS, OPERATIONS
from chat.core.state.tables.records import KeptEvent, KeptMark

# Of a field that is a number: more digits than any has; of a text: its quotation marks.
_NUMBER_BYTES: Final = 20
_AROUND_BYTES: Final = len('"":"",')


@dataclass(frozen=True, slots=True)
class _Form:
    """How one kind is written."""

    kind: type[Any]
    written: tuple[str, ...]  # the names of its fields, as JSON has them
    types: tuple[type[Any], ...]
    defaults: dict[str, Any]  # by their names in JSON
    texts: Callable[[Any], tuple[str, ...]]  # of those fields whose length nothing here bounds
    own_bytes: int  # the most that it takes beside these texts
    values: Callable[[Any], tuple[Any, ...]]  # of its fields


def _form_of(kind: type[Any]) -> _Form:
    types = {field.name: int if field.type == "int" else str for field in fields(kind)}
    written = {field.name: field.metadata.get("written", field.name) for field in fields(kind)}
    around = sum(len(name) + _AROUND_BYTES for name in written.values())
    numbers = sum(_NUMBER_BYTES for each in types.values() if each is int)
    return _Form(
        kind,
        tuple(written.values()),
        tuple(types.values()),
        {written[f.name]: f.default for f in fields(kind) if f.default is not MISSING},
        _getter_of(*(name for name, each in types.items() if each is str)),
        len(f'{{"do":"{kind.__name__}"}}') + around + numbers,
        _getter_of(*types),
    )


def _getter_of(*names: str) -> Callable[[Any], tuple[Any, ...]]:
    """In C: a snapshot writes hundreds of thousands of events."""
    if not names:
        return lambda _value: ()
    getter = attrgetter(*names)
    return getter if len(names) > 1 else lambda value: (getter(value),)


_FORMS: Final = {kind: _form_of(kind) for kind in (*OPERATIONS.values(), *EVENTS.values())}


def operation_to_json(operation: Operation) -> dict[str, Any]:
    """A JSON object with the operation's name under "do" beside its fields."""
    form = _FORMS[type(operation)]
    document: dict[str, Any] = {"do": form.kind.__name__}
    document.update(zip(form.written, form.values(operation), strict=True))
    for name, default in form.defaults.items():
        if document[name] == default:
            del document[name]
    return document


def operation_from_json(document: dict[str, Any]) -> Operation:
    """The inverse of `operation_to_json`; ValueError for anything it would not write."""
    kind = OPERATIONS.get(document.get("do", ""))
    if kind is None:
        raise ValueError("unknown operation")
    form = _FORMS[kind]
    document = {**form.defaults, **document}
    if len(document) != len(form.written) + 1:
        raise ValueError(f"{kind.__name__} has missing or unknown fields")
    values = [document.get(name) for name in form.written]
    if tuple(map(type, values)) != form.types:
        raise ValueError(f"{kind.__name__} has a field that is missing or of the wrong type")
    operation: Operation = form.kind(*values)
    return operation


def operation_text(operation: Operation) -> str:
    """The one form in which an operation is hashed, sent between servers and written."""
    return compact_json(operation_to_json(operation))


def operation_from_text(text: str) -> Operation:
    """The inverse of `operation_text`; ValueError for anything it would not write."""
    document = parse_json(text)
    if not isinstance(document, dict):
        raise ValueError("an operation is an object")
    return operation_from_json(document)


def bytes_max(operation: Operation) -> int:
    """An upper bound of its length as JSON in UTF-8, found without writing it."""
    form = _FORMS[type(operation)]
    written = encode_basestring("".join(form.texts(operation)))
    return form.own_bytes + (len(written) if written.isascii() else len(written.encode()))


def event_to_json(event: KeptEvent) -> str | list[str | int]:
    """What is kept of it: the bare id of a message that was posted, or a tag and the fields."""
    if isinstance(event, str):
        return event
    if isinstance(event, KeptMark):
        return [event.kind.tag, event.message_id]
    return [event.tag, *_FORMS[type(event)].values(event)]


def event_from_json(
    value: Any, message_id: Callable[[str], str], text: Callable[[str], str]
) -> KeptEvent:
    """The inverse of `event_to_json`; ValueError for anything it would not write. Ids of messages
    and other texts go through these two, so that equal ones can be one object."""
    if isinstance(value, str):
        return message_id(value)
    tag, *values = value if isinstance(value, list) and value else ("",)
    kind = EVENTS.get(tag) if isinstance(tag, str) else None
    if kind is not None and issubclass(kind, MessageEvent):
        if tuple(map(type, values)) == (str,):
            return KeptMark(kind, message_id(values[0]))
    elif kind is not None and tuple(map(type, values)) == _FORMS[kind].types:
        event: KeptEvent = kind(*(text(each) if type(each) is str else each for each in values))
        return event
    raise ValueError(f"{value!r:.40} is not an event")

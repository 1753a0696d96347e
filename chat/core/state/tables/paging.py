"""Opaque page tokens, and what fits into a page."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Final

from chat.core import limits
from chat.core.errors import Invalid
from chat.core.state.model import PLAIN, ConversationView, Extras, Message

# What goes before each of many names: its field and its length.
_NAME_BYTES: Final = 2


def page_size(asked: int) -> int:
    """0 means the default; more than the maximum means the maximum, as AIP-158 asks; Invalid
    below 0."""
    if asked < 0:
        raise Invalid("page_size", "A page size cannot be negative.")
    return min(asked or limits.PAGE_SIZE_DEFAULT, limits.PAGE_SIZE_MAX)


def message_bytes(message: Message) -> int:
    """What the message takes in an answer, at most."""
    text = message.text
    size = limits.MESSAGE_ENVELOPE_BYTES_MAX
    size += len(text) if text.isascii() else len(text.encode("utf-8"))
    return size if message.extras is PLAIN else size + _extras_bytes(message.extras)


def _extras_bytes(extras: Extras) -> int:
    size = limits.REPLY_ENVELOPE_BYTES_MAX if extras.in_reply_to else 0
    for reaction in extras.reactions:
        shown = reaction.names[: limits.REACTION_NAMES_MAX]
        size += limits.REACTION_BYTES_MAX + sum(_NAME_BYTES + len(n.encode()) for n in shown)
    return size


def conversation_bytes(view: ConversationView) -> int:
    """What the conversation takes in an answer, at most."""
    size = message_bytes(view.last_message) if view.last_message else 0
    return size + limits.ROOM_ENVELOPE_BYTES_MAX if view.room else size


def fitting(messages: Iterable[Message]) -> int:
    """How many of these, from the first on, fit into one page: at least one, if there is one."""
    count = size = 0
    for message in messages:
        size += message_bytes(message)
        if size > limits.PAGE_BYTES_MAX and count:
            break
        count += 1
    return count


def make_token(kind: str, place: str) -> str:
    return base64.urlsafe_b64encode(f"{kind}:{place}".encode()).decode().rstrip("=")


def read_token(kind: str, token: str) -> str:
    """The place in a token of the same `kind`; Invalid for anything else."""
    try:
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        found, _, place = (
            base64.b64decode(padded, altchars=b"-_", validate=True).decode().partition(":")
        )
    except (binascii.Error, ValueError):
        found, place = "", ""
    if found != kind or not place:
        raise Invalid("page_token", "This page token is not one of this list's.")
    return place


def read_number_token(kind: str, token: str) -> int:
    place = read_token(kind, token)
    if not (place.isascii() and place.isdigit() and len(place) <= 19):
        raise Invalid("page_token", "This page token is not one of this list's.")
    return int(place)

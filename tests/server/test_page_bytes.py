"""Pages are bounded in bytes too, as they travel; nothing is missing between them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from chat import wire
from chat.core import limits
from chat.core.state.chat_state import ChatState
from chat.core.state.model import Extras, Message, MessageStatus, Reaction
from chat.core.state.operations.post_message import PostMessage
from chat.core.state.operations.register_user import RegisterUser
from chat.core.state.tables.paging import message_bytes
from chat.rpc import chat_pb2 as pb

READER = "r" * limits.USERNAME_CHARACTERS_MAX
LETTERS = ("x", "é", "€", "\U0001f600")


def text_of(draw: random.Random) -> str:
    """Often short, often as long as can be, in letters of one to four bytes."""
    letter = draw.choice(LETTERS)
    size = draw.choice((1, 100, draw.randint(1, limits.TEXT_BYTES_MAX), limits.TEXT_BYTES_MAX))
    return letter * max(1, size // len(letter.encode()))


def state_of(draw: random.Random, contacts: int, messages: int) -> ChatState:
    """`messages` are sent to READER, first one of each contact, then as it comes."""
    state = ChatState()
    names = [f"{number:\U00020000>{limits.USERNAME_CHARACTERS_MAX}}" for number in range(contacts)]
    for name in (READER, *names):
        state.apply(RegisterUser(name, "hash", "", 1))
    for number in range(messages):
        sender = names[number] if number < contacts else draw.choice(names)
        message_id = str(UUID(int=draw.getrandbits(128)))
        state.apply(PostMessage(message_id, sender, READER, text_of(draw), 1_700_000_000_123))
    return state


def pages(ask: Callable[[str], tuple[list[Any], str]]) -> Iterator[list[Any]]:
    token = ""
    while True:
        page, token = ask(token)
        yield page
        if not token:
            return


def fits(answer: Any, count: int) -> bool:
    """With the token of the next page, and whatever else there may be, beside it."""
    return count == 1 or len(answer.SerializeToString()) <= limits.PAGE_BYTES_MAX


@pytest.mark.parametrize("seed", range(5))
def test_a_history_is_whole_and_in_order_across_pages(seed: int) -> None:
    draw = random.Random(seed)
    state = state_of(draw, contacts=1, messages=300)
    (contact,) = state.conversations.contacts(READER)
    found: list[int] = []
    for page in pages(
        lambda token: state.conversations.messages(READER, contact, token, draw.choice((0, 7, 200)))
    ):
        answer = pb.ReceiveMessagesResponse(messages=map(wire.chat_message_to_proto, page))
        assert fits(answer, len(page))
        found = [message.sequence for message in page] + found
    assert found == list(range(1, 301))


@pytest.mark.parametrize("seed", range(5))
def test_conversations_are_all_there_across_pages(seed: int) -> None:
    draw = random.Random(seed)
    state = state_of(draw, contacts=150, messages=300)
    found: list[str] = []
    for page in pages(lambda token: state.conversations.page(READER, token, limits.PAGE_SIZE_MAX)):
        answer = pb.ListConversationsResponse(
            conversations=map(wire.conversation_to_proto, page), cursor=2**60
        )
        assert fits(answer, len(page))
        found += [view.address for view in page]
    assert found == list(reversed(tuple(state.conversations.contacts(READER))))


def test_a_full_page_of_ordinary_messages_fits() -> None:
    draw = random.Random(1)
    state = state_of(draw, contacts=1, messages=1)
    (contact,) = state.conversations.contacts(READER)
    for number in range(limits.PAGE_SIZE_MAX):
        message_id = str(UUID(int=number))
        state.apply(PostMessage(message_id, contact, READER, "x" * 900, 1))
    page, _ = state.conversations.messages(READER, contact, "", limits.PAGE_SIZE_MAX)
    assert len(page) == limits.PAGE_SIZE_MAX


def test_a_message_is_never_larger_than_it_counts() -> None:
    draw = random.Random(2)
    state = state_of(draw, contacts=1, messages=100)
    (contact,) = state.conversations.contacts(READER)
    for page in pages(lambda token: state.conversations.messages(READER, contact, token, 200)):
        for message in page:
            proto = wire.chat_message_to_proto(message)
            assert proto.ByteSize() + 4 <= message_bytes(message)


def test_nor_is_one_with_all_that_a_message_can_have() -> None:
    longest = "\U00020000" * limits.USERNAME_CHARACTERS_MAX
    emoji = "\U0001f600" * limits.EMOJI_CHARACTERS_MAX
    names = (longest,) * limits.ROOM_MEMBERS_MAX
    reactions = (Reaction(emoji, names),) * limits.REACTIONS_MAX
    at, message_id = 1_800_000_000_999, str(UUID(int=1))
    extras = Extras(
        edited_at=at, in_reply_to=message_id, reactions=reactions, read_by=limits.ROOM_MEMBERS_MAX
    )
    message = Message(
        message_id, longest, longest, "x" * limits.TEXT_BYTES_MAX, at, 2**31,
        MessageStatus.READ, extras,
    )  # fmt: skip
    original = replace(message, text="\U00020000" * limits.QUOTE_CHARACTERS_MAX)
    proto = wire.chat_message_to_proto(message, longest)
    wire.show_original(proto, original, is_shown=True)
    assert 0 < message_bytes(message) - proto.ByteSize() < 2_000

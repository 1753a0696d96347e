"""Searching: what one person may find, from the request to a page of messages. Runs on the
loop's thread; the index has a thread of its own.

The index says where the words are; what the caller may see is asked of the state, before and after.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from chat.core import limits
from chat.core.errors import Invalid
from chat.core.searching import words_of
from chat.core.state.chat_state import ChatState
from chat.core.state.model import Message
from chat.core.state.tables.paging import fitting, make_token, page_size, read_token
from chat.rpc import chat_pb2 as pb
from chat.server import checks
from chat.server.calls import Shares
from chat.server.engine import Engine
from chat.server.search_store import Hits, Wanted
from chat.server.viewer import Viewer

_LIST: Final = "search"


class Searching:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._shares = Shares(limits.SEARCHES_MAX, limits.SEARCHES_PER_USER_MAX)

    async def page(self, me: str, request: pb.SearchMessagesRequest) -> pb.SearchMessagesResponse:
        """Invalid, NoSuchUser, NoSuchRoom, NotAMember; SearchUnavailable; Busy where very many
        search at once. One person's next search waits for the one before."""
        wanted = await self._engine.read(_wanted, me, request)
        await self._shares.turn(me)
        try:
            # Who was in a room when it was asked may be out of it by now.
            rooms = await self._engine.read(_rooms, me, wanted)
            found = await self._engine.search(replace(wanted, rooms=rooms))
        finally:
            self._shares.give_back(me)
        self._engine.require_reader()
        return await self._engine.read(_answer, me, found)


def _wanted(state: ChatState, me: str, request: pb.SearchMessagesRequest) -> Wanted:
    words = words_of(checks.search_words(request.words))
    if not words:
        raise Invalid("words", "Say which word to look for.")
    contact = checks.address(request.contact, "contact") if request.contact else ""
    is_room = bool(contact) and state.rooms.is_one(contact)
    if is_room:
        state.rooms.joined(me, contact)
    elif contact:
        state.accounts.known(contact)
    wanted = Wanted(
        words,
        me,
        rooms=((contact, 1),) if is_room else (),
        contact="" if is_room else contact,
        alone=is_room,
        sender=checks.username(request.sender, "sender") if request.sender else "",
        count=min(page_size(request.page_size), limits.SEARCH_PAGE_SIZE_MAX),
    )
    if request.HasField("since"):
        wanted = replace(wanted, since_ms=_ms(request.since, "since"))
    if request.HasField("until"):
        wanted = replace(wanted, until_ms=_ms(request.until, "until"))
    return _from_token(wanted, request.page_token) if request.page_token else wanted


def _rooms(state: ChatState, me: str, wanted: Wanted) -> tuple[tuple[str, int], ...]:
    """Where to look, and from which message on."""
    if wanted.contact:
        return ()
    names = [name for name, _ in wanted.rooms] if wanted.alone else state.rooms.of_user(me)
    return tuple((name, state.rooms.joined(me, name).members[me].first) for name in names)


def _ms(time: Timestamp, field: str) -> int:
    try:
        return time.ToMilliseconds()
    except (OverflowError, ValueError):
        raise Invalid(field, "This is no time.") from None


def _from_token(wanted: Wanted, token: str) -> Wanted:
    index, *numbers = read_token(_LIST, token).split(" ")
    try:
        before, before_at = map(int, numbers)
        if not 0 < max(abs(before), abs(before_at)) < 2**62:
            raise ValueError(token)
    except ValueError:
        raise Invalid("page_token", "This page token is not one of this list's.") from None
    return replace(wanted, index=index, before=before, before_at=before_at)


def _answer(state: ChatState, me: str, found: Hits) -> pb.SearchMessagesResponse:
    seen = ((row, state.rooms.shown_to(me, row.message_id)) for row in found.rows)
    pairs = [(row, message) for row, message in seen if message is not None]
    messages: list[Message] = [message for _, message in pairs]
    count, left, viewer = fitting(messages), found.left, Viewer(state, me)
    if count < len(messages):
        left = pairs[count - 1][0].row, pairs[count - 1][0].at
    token = make_token(_LIST, f"{found.index} {left[0]} {left[1]}") if left else ""
    return pb.SearchMessagesResponse(
        messages=[viewer.message(message) for message in messages[:count]],
        next_page_token=token,
        incomplete=found.incomplete,
    )

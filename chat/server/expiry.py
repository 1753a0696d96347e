"""Expiry: while this server leads, messages that are older than all may be go, a few at a time.

Runs on the loop's thread, in a task of its own.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from chat.core import limits
from chat.core.errors import ChatError
from chat.core.state.chat_state import ChatState
from chat.core.state.operations.expire_messages import ExpireMessages
from chat.core.state.tables.records import Conversation
from chat.core.state.tables.room_records import Room
from chat.server.machine import Machine

_DAY_MS: Final = 24 * 3600 * 1000


class Expiry:
    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    async def run(self) -> None:
        """Never returns by itself. Who leads next goes on where this one ended."""
        while True:
            with suppress(ChatError):  # it leads no more, or has too much to do: later
                await self.look()
            await asyncio.sleep(limits.EXPIRY_LOOK_S)

    async def look(self) -> int:
        """All that is too old by now goes; how many that were."""
        machine, start, count = self._machine, 0, 0
        days = machine.state.usage.keep_days
        if not days or not machine.replica.leads:
            return 0
        before = machine.time.expiry_ms() - days * _DAY_MS
        most = limits.EXPIRY_CONVERSATIONS_AT_ONCE
        while (places := await machine.read(_places, start, most, before)) is not None:
            for place in places:
                if machine.state.usage.keep_days != days:
                    return count  # the next look goes by what was said meanwhile
                count += await self._expire(*place, before, days)
            start += most
            await asyncio.sleep(0)  # others go first
        return count

    async def _expire(self, name: str, address: str, before: int, days: int) -> int:
        """One entry of the log after the other, each when the one before it is confirmed."""
        count, went = 0, limits.EXPIRED_AT_ONCE_MAX
        while went == limits.EXPIRED_AT_ONCE_MAX:
            now, most = self._machine.now_ms(), limits.EXPIRED_AT_ONCE_MAX
            operation = ExpireMessages(name, address, before, most, now, days)
            result = await self._machine.write(operation)
            assert isinstance(result, int)
            went = result
            count += went
        return count


def _places(state: ChatState, start: int, count: int, before: int) -> list[tuple[str, str]] | None:
    """Of so many conversations and rooms from `start` on, those of which some is too old, as the
    operation names them; None where there are no more. None ever goes, so places stay."""
    conversations, rooms = state.conversations.items, state.rooms.items
    if start >= len(conversations) + len(rooms):
        return None
    beyond = max(0, start - len(conversations))
    of_two = conversations[start : start + count]
    many = rooms[beyond : beyond + count - len(of_two)]
    records: list[Conversation | Room] = [*of_two, *many]
    return [_place(each) for each in records if _is_old(each, before)]


def _is_old(record: Conversation | Room, before: int) -> bool:
    held = len(record.messages) > record.gone
    return held and record.messages[record.gone].sent_at < before


def _place(record: Conversation | Room) -> tuple[str, str]:
    if isinstance(record, Room):
        return "", record.name
    name, member = next(iter(record.members.items()))
    return name, member.address

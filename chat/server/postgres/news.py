"""News: what came of a batch, as servers tell each other: who is told what, and who is out.

Pure. Of a message only its id is told: whoever has somebody who listens shows it as it is by then.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from chat.core.errors import ChatError
from chat.core.json_text import compact_json
from chat.core.state.form import event_from_json, event_to_json
from chat.core.state.model import Outcome, ReadInRoom
from chat.core.state.tables.records import KeptEvent, kept


@dataclass(frozen=True, slots=True)
class RoomNews:
    room: str
    position: int
    event: KeptEvent
    came: tuple[str, ...]
    gone: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class News:
    """What an `Outcome` has beside its result. `told` is what happened, and which cursor it has for
    each of those who are told."""

    told: tuple[KeptEvent, dict[str, int]] | None
    rooms: tuple[RoomNews, ...]
    read: ReadInRoom | None
    ended: tuple[str, ...]


def news_of(outcome: Outcome) -> News | None:
    """None where nobody is to hear of anything."""
    if isinstance(outcome.result, ChatError):
        return None
    told = (kept(outcome.told.kind), outcome.told.cursors) if outcome.told else None
    rooms = tuple(
        RoomNews(each.event.room, each.event.position, kept(each.event.kind), each.came, each.gone)
        for each in outcome.rooms
    )
    if told is None and not rooms and outcome.read is None and not outcome.ended:
        return None
    return News(told, rooms, outcome.read, outcome.ended)


def text_of(outcomes: Iterable[Outcome]) -> str:
    """Of all that came of a batch, in order; empty where that is nothing."""
    every = [_to_json(news) for news in map(news_of, outcomes) if news is not None]
    return compact_json(every) if every else ""


def read(text: str) -> Iterator[News]:
    """The inverse of `text_of`."""
    return map(_from_json, json.loads(text))


def _to_json(news: News) -> list[Any]:
    told = [event_to_json(news.told[0]), news.told[1]] if news.told else None
    rooms = [[r.room, r.position, event_to_json(r.event), r.came, r.gone] for r in news.rooms]
    read_in = [news.read.room, news.read.after, news.read.through] if news.read else None
    return [told, rooms, read_in, news.ended]


def _from_json(value: list[Any]) -> News:
    told, rooms, read_in, ended = value
    return News(
        (event_from_json(told[0], str, str), told[1]) if told else None,
        tuple(
            RoomNews(room, position, event_from_json(event, str, str), tuple(came), tuple(gone))
            for room, position, event, came, gone in rooms
        ),
        ReadInRoom(*read_in) if read_in else None,
        tuple(ended),
    )

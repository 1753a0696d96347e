"""What the transcript shows around what a message says: what it answers, reactions, and what waits.
Pure; no Tk.

Things of one kind in a message are told apart by their order: what is clicked is the nth of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from chat.client.acts import Act
from chat.client.events import ChatMessage, Mark, Quote, WaitingChange
from chat.core.mentions import MENTION_MARK, mentions
from chat.ui import words
from chat.ui.transcript.formatting import Part

QUOTE_CHARACTERS_MAX = 100


class Piece(NamedTuple):
    text: str
    tags: tuple[str, ...]


def answered(quote: Quote | None) -> Iterator[Piece]:
    """The line above an answer."""
    if quote is not None:
        tags = ("answered", "quote", "goto") if quote.sender else ("answered", "quote")
        yield Piece(words.quoted(quote, QUOTE_CHARACTERS_MAX), tags)
        yield Piece("\n", ("answered", "quote"))


def after(message: ChatMessage) -> Iterator[Piece]:
    """The lines below what was said."""
    if message.reactions and message.mark is not Mark.UNSENT:
        for reaction in message.reactions:
            mine = ("pill", "mine") if reaction.mine else ("pill",)
            yield Piece(" ", ("body", *mine))
            yield Piece(reaction.emoji, ("body", *mine, "emoji"))
            yield Piece(f" {reaction.count} ", ("body", *mine))
            yield Piece("  ", ("body", "mark"))
        yield Piece("\n", ("body", "mark"))
    for change in message.waiting:
        yield from _waiting(change)


def _waiting(change: WaitingChange) -> Iterator[Piece]:
    style = "failed" if change.failure else "mark"
    yield Piece(words.waiting_change(change), ("body", style))
    if change.failure:
        yield from remedies()
    yield Piece("\n", ("body", style))


def remedies() -> Iterator[Piece]:
    yield Piece("  ", ("body", "failed"))
    yield Piece("Retry", ("body", "action", "retry"))
    yield Piece("  ", ("body", "failed"))
    yield Piece("Delete", ("body", "action", "discard"))


def failed_ids(message: ChatMessage) -> list[str]:
    """What can be tried again or deleted at a message, in the order in which it is shown."""
    own = [message.id] if message.mark is Mark.FAILED else []
    return own + [change.id for change in message.waiting if change.failure]


def is_waiting(message: ChatMessage, act: Act) -> bool:
    return any(change.act is act and not change.failure for change in message.waiting)


def calling(parts: Iterable[Part], me: str) -> Iterator[Part]:
    """What was said, with the places apart where this person is called."""
    for part in parts:
        if not part.typed or MENTION_MARK not in part.text or {"code", "block"} & {*part.styles}:
            yield part
            continue
        done = 0
        for start, end, _ in mentions(part.text, (me,)):
            if start > done:
                yield part._replace(text=part.text[done:start])
            yield part._replace(text=part.text[start:end], styles=(*part.styles, "mention"))
            done = end
        if done < len(part.text):
            yield part._replace(text=part.text[done:])

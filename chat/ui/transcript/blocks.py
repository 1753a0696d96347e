"""What the transcript shows for one message: texts and their tags. Pure; no Tk.

A block is everything tagged `m:<id>`: day line, new-messages line and header where they are due,
then the body; within it `t:<id>` is the person's own words. Every block ends with a newline of its
own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chat.client.events import ChatMessage, Mark
from chat.ui import words
from chat.ui.transcript import extras, formatting
from chat.ui.transcript.extras import Piece
from chat.ui.transcript.rows import is_note, starts_day, starts_group


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the lines above a message depend on, besides the message itself."""

    me: str
    before: ChatMessage | None
    beginning_with: str  # whose conversation begins with this message; else ""
    new_count: int  # of the new-messages line above this message; 0 = it has none
    now: float
    below_note: bool = False  # what happened in the room stands between them
    formats: bool = True  # what stars, backticks and the like mean is shown, instead of them


@dataclass(frozen=True, slots=True)
class Block:
    message: ChatMessage
    above: tuple[Piece, ...]
    me: str
    formats: bool

    @property
    def whole(self) -> str:
        """The tag of the whole block."""
        return f"m:{self.message.id}"

    @property
    def said(self) -> str:
        """The tag of what the person typed; parts of it may be apart."""
        return f"t:{self.message.id}"

    def pieces(self) -> list[Piece]:
        """All of it, in order."""
        if is_note(self.message):
            said = Piece(f"{self.message.text}\n", ("centre", "note"))
            return [Piece(p.text, (*p.tags, self.whole)) for p in (*self.above, said)]
        message, mark = self.message, tuple(_mark(self.message))
        body, ends_in_code = _body(message, self.me, self.formats)
        # The line after a code block is empty as it is.
        end = Piece("\n", ("body", "fence") if ends_in_code and not mark else ("body",))
        quote = extras.answered(message.quote)
        tagged = (*self.above, *quote, *body, *mark, end, *extras.after(message))
        return [Piece(piece.text, (*piece.tags, self.whole)) for piece in tagged]


def block(message: ChatMessage, around: Surroundings) -> Block:
    return Block(message, tuple(_above(message, around)), around.me, around.formats)


def _above(message: ChatMessage, around: Surroundings) -> Iterator[Piece]:
    if around.beginning_with:
        yield Piece(f"{words.beginning(around.beginning_with)}\n", ("centre",))
    if is_note(message):
        return
    if starts_day(around.before, message):
        yield Piece(f"{words.long_day(message.sent_at, around.now)}\n", ("centre",))
    if around.new_count:
        yield Piece(f"────  {words.plural(around.new_count, 'new message')}  ────\n", ("new",))
    if around.new_count or around.below_note or starts_group(around.before, message):
        own = message.sender == around.me
        yield Piece("You" if own else message.sender, ("name", "name_own") if own else ("name",))
        yield Piece(f"   {words.clock(message.sent_at)}\n", ("time",))


def _body(message: ChatMessage, me: str, formats: bool) -> tuple[list[Piece], bool]:
    """And whether it ends in a code block."""
    if message.mark is Mark.UNSENT:
        return [Piece(words.UNSENT, ("body", "gone"))], False
    if words.is_blank(message.text):
        return [Piece(words.BLANK, ("body", "gone"))], False
    text, said = formatting.shown(message.text, formats=formats), f"t:{message.id}"
    pieces = [
        Piece(part.text, ("body", *((said,) if part.typed else ()), *part.styles))
        for part in (extras.calling(text.parts, me) if message.mentions_me else text.parts)
    ]
    return pieces, text.ends_in_code


def _mark(message: ChatMessage) -> Iterator[Piece]:
    text = words.mark(message)
    if message.edited_at and message.mark is not Mark.UNSENT:
        yield Piece("   edited", ("body", "mark"))
    if message.mark is Mark.FAILED:
        why = f" – {message.reason}" if message.reason else ""
        yield Piece(f"   {text}{why}", ("body", "failed"))
        yield from extras.remedies()
    elif text and message.mark is Mark.READ and words.is_room(message.address):
        yield Piece("   ", ("body", "read"))
        yield Piece(text, ("body", "read", "readers"))
    elif text:
        yield Piece(f"   {text}", ("body", "read" if message.mark is Mark.READ else "mark"))

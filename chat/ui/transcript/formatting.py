"""How a text is meant: code, emphasis, quotes and lists, written as in Markdown. Pure; no Tk.

The typed characters all stay, in order: what only says how others are meant (stars, backticks) is
hidden, and what stands in its place (a bullet, the head of a code block) is an ornament, which
nobody copies. The parser is asked where things are, not for a document: it knows no HTML, images,
headings or links of its own (addresses are recognised by `links`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Delimiter
from markdown_it.token import Token

from chat.core.limits import FORMATTED_LINES_MAX, FORMATTED_MARKS_MAX, FORMATTED_TEXTS_KEPT_MAX
from chat.ui.transcript import links

INDENTS_MAX = 8  # steps to the right; what is nested deeper stands there too
HANGS_MAX = 10  # as far in as what a line of code is broken into can go on, in tabs
TAB = 4  # characters
LANGUAGE_CHARACTERS_MAX = 24
_QUOTE_INDENT, _ITEM_INDENT = 1, 2  # steps
_BULLET = "•"
# Without any of these a text is as it stands.
_SIGNS = re.compile(r"[*_`>~]|^[ \t]*(?:[-+]|\d{1,9}[.)])[ \t]", re.MULTILINE)
_MARKS = re.compile(r"[*_`>~\\]|(?:[-+*]|\d{1,9}[.)])[ \t]")
_ONLY_QUOTE = re.compile(r"[ \t>]*>[ \t]*")
_ESCAPABLE = frozenset("*_`>~")


class Part(NamedTuple):
    """`styles` are names of tags. What was not `typed` is an ornament."""

    text: str
    styles: tuple[str, ...] = ()
    typed: bool = True


class Formatted(NamedTuple):
    """The typed parts joined are the text; `code` is what each code block holds."""

    parts: tuple[Part, ...]
    code: tuple[str, ...] = ()

    @property
    def ends_in_code(self) -> bool:
        """Whether its last line is the end of a code block, and thus empty."""
        return bool(self.parts) and "fence" in self.parts[-1].styles


def shown(text: str, *, formats: bool) -> Formatted:
    return formatted(text) if formats else plain(text)


def plain(text: str) -> Formatted:
    """As it stands, with its links."""
    return Formatted(tuple(Part(said, ("url",) if is_link else ())
                           for said, is_link in links.pieces(text)))  # fmt: skip


@lru_cache(maxsize=FORMATTED_TEXTS_KEPT_MAX)
def formatted(text: str) -> Formatted:
    """A text with more marks or lines than anybody writes is shown as it stands."""
    if not _SIGNS.search(text) or text.count("\n") > FORMATTED_LINES_MAX:
        return plain(text)
    try:
        return _Reading(text).result()
    except _NotUnderstoodError:
        return plain(text)


class _NotUnderstoodError(Exception):
    """What the parser says cannot be found in the text, or is too much of it."""


# --- the parser ----------------------------------------------------------------------


def _emphasis(state: StateInline, silent: bool) -> bool:
    """The library's own rule, but a star between two letters or digits is just that: `2*3*4`."""
    marker = state.src[state.pos]
    if silent or marker not in "*_":
        return False
    end = state.pos
    while end < state.posMax and state.src[end] == marker:
        end += 1
    around = (state.src[state.pos - 1 : state.pos] or " ", state.src[end : end + 1] or " ")
    in_word = all(each.isascii() and each.isalnum() for each in around)
    scanned = state.scanDelims(state.pos, marker == "*" and not in_word)
    for _ in range(scanned.length):
        state.push("text", "", 0).content = marker
        state.delimiters.append(Delimiter(
            marker=ord(marker), length=scanned.length, token=len(state.tokens) - 1, end=-1,
            open=scanned.can_open, close=scanned.can_close,
        ))  # fmt: skip
    state.pos += scanned.length
    return True


def _parser() -> MarkdownIt:
    made = MarkdownIt("zero")
    made.enable(["emphasis", "backticks", "escape", "fence", "blockquote", "list"])
    made.disable("text_join")  # escaped characters stay apart
    made.disable("inline")  # which is asked for each paragraph that is not too much
    made.inline.ruler.at("emphasis", _emphasis)
    made.block.ruler.before("fence", "count", _count_blocks)
    made.block.ruler.before("fence", "ends_quote", _ends_quote, {"alt": ["blockquote"]})
    made.block.ruler.before("fence", "ends_item", _ends_item, {"alt": ["paragraph"]})
    return made


def _count_blocks(state: StateBlock, _first: int, _last: int, _silent: bool) -> bool:
    """Asked before each block, and never the rule for it. Thousands of items take the library a
    quarter of a second."""
    state.env["blocks"] = state.env.get("blocks", 0) + 1
    if state.env["blocks"] > FORMATTED_MARKS_MAX:
        raise _NotUnderstoodError
    return False


def _ends_quote(_state: StateBlock, _first: int, _last: int, silent: bool) -> bool:
    """A line without a `>` is an answer to what was quoted, not more of it."""
    return silent


def _ends_item(state: StateBlock, first: int, _last: int, silent: bool) -> bool:
    """A line that stands further left than an item is no part of it."""
    return silent and state.sCount[first] < state.blkIndent


_PARSER = _parser()


# --- reading what it says ------------------------------------------------------------


class _Container(NamedTuple):
    """A quote or an item of a list that is open; an item has a number, or a bullet ("")."""

    token: Token
    is_item: bool

    @property
    def line(self) -> int:
        return (self.token.map or [0])[0]


class _Reading:
    """One text. Places are offsets in it, and lines are counted from 0."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._spans: list[tuple[int, int, str]] = []
        self._ornaments: dict[int, list[Part]] = {}
        self._code: list[str] = []
        self._open: list[_Container] = []
        self._marks_left = FORMATTED_MARKS_MAX
        found, place = [], 0
        for said, is_link in links.pieces(text):
            found.append("x" * len(said) if is_link else said)
            if is_link:
                self._spans.append((place, place + len(said), "url"))
            place += len(said)
        # The signs within an address are its own. The parser would rewrite the other two.
        self._masked = "".join(found).replace("\r", " ").replace("\0", " ")
        self._lines = self._masked.split("\n")
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line) + 1)

    def result(self) -> Formatted:
        for token in _PARSER.parse(self._masked):
            if token.type in ("blockquote_open", "list_item_open"):
                self._enter(token)
            elif token.type in ("blockquote_close", "list_item_close"):
                self._open.pop()
            elif token.type == "inline":
                self._paragraph(token)
            elif token.type == "fence":
                self._fence(token)
        return Formatted(tuple(self._parts()), tuple(self._code))

    def _count(self, marks: int) -> None:
        self._marks_left -= marks
        if self._marks_left < 0:
            raise _NotUnderstoodError

    # --- containers --------------------------------------------------------------

    def _enter(self, token: Token) -> None:
        self._count(1)
        self._open.append(_Container(token, token.type == "list_item_open"))
        if token.type == "blockquote_open":
            first, last = token.map or [0, 0]
            while last > first and not self._lines[last - 1].strip():
                last -= 1
            empty = [n for n in range(first, last) if _ONLY_QUOTE.fullmatch(self._lines[n])]
            if len(empty) == last - first:
                return  # nothing is quoted
            self._style_lines(first, last, "quote")
            for line in empty:
                self._hide(self._starts[line], self._starts[line] + len(self._lines[line]))

    @property
    def _indent(self) -> int:
        steps = sum(_ITEM_INDENT if each.is_item else _QUOTE_INDENT for each in self._open)
        return min(steps, INDENTS_MAX)

    def _before(self, line: int, column: int) -> None:
        """What stands on a line before the text of its paragraph: hidden, as far as it says what
        that is part of."""
        self._count(len(self._open))
        if not self._open:
            return
        start, before = self._starts[line], self._lines[line][:column]
        begun = [each for each in self._open if each.is_item and each.line == line]
        style = f"item{self._indent}" if begun else f"in{self._indent}"
        self._style_lines(line, line + 1, style)
        shown_from = len(before.rstrip(" \t"))
        shown_from = min(shown_from + 1, column) if shown_from else column
        done = 0
        for item in begun:
            number = item.token.info
            at = before.find(number + item.token.markup, done) if number else -1
            if at >= 0:
                self._hide(start + done, start + at)
                done = at + len(number) + 1
                self._ornament(start + done, Part("\t", (), typed=False))
            else:
                self._ornament(start + done, Part(f"{_BULLET}\t", (), typed=False))
        self._hide(start + done, start + (column if begun else shown_from))

    # --- blocks ------------------------------------------------------------------

    def _paragraph(self, token: Token) -> None:
        first = (token.map or [0])[0]
        begins: list[tuple[int, int]] = []  # of each line: its place there, and in the text
        place = 0
        for number, said in enumerate(token.content.split("\n"), first):
            column = self._column(number, said)
            self._before(number, column)
            begins.append((place, self._starts[number] + column))
            place += len(said) + 1
        self._count(len(_MARKS.findall(token.content)))
        self._inline(token.content, begins)

    def _column(self, line: int, said: str) -> int:
        """Where on this line what the parser took from it begins."""
        whole = self._lines[line]
        if whole.endswith(said):
            return len(whole) - len(said)
        column = len(whole.rstrip()) - len(said.rstrip())
        if column < 0 or not whole.startswith(said.rstrip(), column):
            raise _NotUnderstoodError
        return column

    def _fence(self, token: Token) -> None:
        first, end = token.map or [0, 0]
        if not token.content:
            return
        said = token.content.removesuffix("\n").split("\n")
        last = first + 1 + len(said)
        start, head = self._starts[first], self._lines[first]
        column = head.find(token.markup)
        self._count(4)
        self._before(first, column)
        self._hide(start + column, start + len(head))
        language = self._text[start + column : start + len(head)].strip("`~ \t").split()[:1]
        name = language[0][:LANGUAGE_CHARACTERS_MAX] if language else "code"
        self._ornament(start + len(head), Part(name, ("code_head",), typed=False))
        self._ornament(start + len(head), Part("   ", ("code_head",), typed=False))
        self._ornament(start + len(head), Part("Copy", ("code_head", "action", "copy"),
                                               typed=False))  # fmt: skip
        self._style_lines(first, min(end, last), "block")
        lines = []
        for number, line in enumerate(said, first + 1):
            column = self._column(number, line)
            self._hide(self._starts[number], self._starts[number] + column)
            self._count(len(self._open))
            lines.append(self._text[self._starts[number] + column : self._starts[number + 1] - 1])
        self._code.append("\n".join(lines))
        if not self._open:
            self._hang(first + 1, lines)
        if end > last:
            self._hide(self._starts[last], self._starts[last] + len(self._lines[last]))
            self._style_lines(last, last + 1, "fence")
        if self._open:
            self._style_lines(first, end, f"in{self._indent}")

    def _hang(self, first: int, lines: list[str]) -> None:
        """Where a line has to be broken, it goes on further in than it began."""
        place = first
        for tabs, group in groupby(lines, key=lambda line: min(_tabs(line), HANGS_MAX)):
            end = place + len(list(group))
            if tabs:
                self._style_lines(place, end, f"hang{tabs}")
            place = end

    # --- within a paragraph ------------------------------------------------------

    def _inline(self, content: str, begins: list[tuple[int, int]]) -> None:
        tokens: list[Token] = []
        _PARSER.inline.parse(content, _PARSER, {}, tokens)
        self._lines_here, place = begins, 0
        opened: list[tuple[str, int]] = []
        for token in tokens:
            after = place + len(token.content)
            if token.type == "text":
                if not content.startswith(token.content, place):
                    raise _NotUnderstoodError
            elif token.type in ("em_open", "strong_open"):
                after = self._mark(content, place, token.markup)
                opened.append((token.tag, after))
            elif token.type in ("em_close", "strong_close"):
                style, since = opened.pop()
                self._style(since, place, style)
                after = self._mark(content, place, token.markup)
            elif token.type == "code_inline":
                after = self._code_inline(content, place, token)
            elif token.type == "text_special":
                after = self._mark(content, place, token.markup, token.content in _ESCAPABLE)
            elif token.type == "hardbreak":
                after = place + 1
            else:
                raise _NotUnderstoodError
            place = after
        if place != len(content):
            raise _NotUnderstoodError

    def _mark(self, content: str, place: int, markup: str, hides: bool = True) -> int:
        """Steps over a sign; of an escaped one, only the backslash is hidden."""
        if not content.startswith(markup, place):
            raise _NotUnderstoodError
        after = place + len(markup)
        if hides:
            self._hide_here(place, place + 1 if markup[0] == "\\" else after)
        return after

    def _code_inline(self, content: str, place: int, token: Token) -> int:
        start = self._mark(content, place, token.markup)
        end = start + len(token.content)
        if not content.startswith(token.markup, end):
            end += 2  # a space on each side lets code begin or end with a backtick
            self._hide_here(start, start + 1)
            self._hide_here(end - 1, end)
        after = self._mark(content, end, token.markup)
        self._style(start, end, "code")
        return after

    def _at(self, place: int) -> int:
        """Where in the text a place of the paragraph is."""
        low, high = 0, len(self._lines_here)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._lines_here[middle][0] <= place else (low, middle)
        there, here = self._lines_here[low]
        return here + place - there

    def _style(self, start: int, end: int, style: str) -> None:
        self._spans.append((self._at(start), self._at(end), style))

    def _hide_here(self, start: int, end: int) -> None:
        self._hide(self._at(start), self._at(end))

    # --- putting it together -----------------------------------------------------

    def _hide(self, start: int, end: int) -> None:
        if end > start:
            self._spans.append((start, end, "hidden"))

    def _style_lines(self, first: int, last: int, style: str) -> None:
        """With the ends of the lines."""
        end = min(self._starts[last], len(self._text))
        if end > self._starts[first]:
            self._spans.append((self._starts[first], end, style))

    def _ornament(self, place: int, part: Part) -> None:
        self._ornaments.setdefault(place, []).append(part)

    def _parts(self) -> Iterator[Part]:
        changes: dict[int, list[tuple[str, int]]] = {place: [] for place in self._ornaments}
        for start, end, style in self._spans:
            changes.setdefault(start, []).append((style, 1))
            changes.setdefault(end, []).append((style, -1))
        styles: Counter[str] = Counter()
        place = 0
        for there in sorted(changes):
            if there > place:
                yield Part(self._text[place:there], _together(styles))
                place = there
            for style, step in changes[there]:
                styles[style] += step
            for ornament in self._ornaments.get(there, ()):
                around = tuple(s for s in _together(styles) if s != "hidden")
                yield ornament._replace(styles=(*around, *ornament.styles))
        if place < len(self._text):
            yield Part(self._text[place:], _together(styles))


def _tabs(line: str) -> int:
    """How far in the line begins, in whole tabs."""
    blank = line[: len(line) - len(line.lstrip(" \t"))]
    return len(blank.expandtabs(TAB)) // TAB


def _together(styles: Counter[str]) -> tuple[str, ...]:
    """Styles that hold at one place, as tags."""
    here = {style for style, count in styles.items() if count > 0}
    if here & {"code", "block"}:
        here -= {"url", "em", "strong"}
    if {"em", "strong"} <= here:
        here = here - {"em", "strong"} | {"strong_em"}
    return tuple(sorted(here))

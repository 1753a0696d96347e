"""Web addresses in a text, and opening one in the person's own browser."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice

from linkify_it import LinkifyIt

from chat.ui.words import INVISIBLE

log = logging.getLogger(__name__)

# What is shown is what opens, so an address ends at what cannot be seen, or turns the text
# around. It also ends at the quotes and stops that a sentence around it may have put there
# without a space; the library knows only those of ASCII.
_ENDS = re.compile(
    f"[{INVISIBLE}\ud800-\udfff`“”„‟«»‹›‘‚‛…。、，！？；：（）「」『』【】《》〈〉]|’(?!\\w)"
)
_WORD = re.compile(r"\S+")
_STRESS = re.compile(r"[*_~]*")  # **bold**, _italic_
# The name of a page, as wikis write it: its exclamation mark is its own.
_TITLE = re.compile(r".*/[A-Z][^/?#]*[a-z]")
# An address inside an address is common (web archives, redirections); hundreds of them in one
# word are nothing that a person wrote, and would take the library half a second.
_ADDRESSES_IN_A_WORD_MAX = 4
# Links in one text, which is more than anybody clicks; what follows is plain text.
_LINKS_MAX = 200


def _recogniser() -> LinkifyIt:
    """Only web addresses with a scheme: `readme.md` and `notes.py` are not pages."""
    made = LinkifyIt(options={"fuzzy_link": False, "fuzzy_email": False, "fuzzy_ip": False})
    for scheme in ("ftp:", "//", "mailto:"):
        made.add(scheme, None)
    return made


_LINKIFY = _recogniser()


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """The text in parts, each with whether it is a link; joined they are the text again."""
    done = 0
    for start, end in islice(_spans(text), _LINKS_MAX):
        if start > done:
            yield text[done:start], False
        yield text[start:end], True
        done = end
    if done < len(text):
        yield text[done:], False


def _spans(text: str) -> Iterator[tuple[int, int]]:
    if "://" not in text:
        return
    for word in _WORD.finditer(_ENDS.sub(" ", text)):
        if 0 < word.group().count("://") <= _ADDRESSES_IN_A_WORD_MAX:
            yield from _spans_in_word(word.group(), word.start())


def _spans_in_word(word: str, place: int) -> Iterator[tuple[int, int]]:
    """`place` is where the word starts in the text."""
    lead = _STRESS.match(word)
    stress = lead.group() if lead else ""
    bare = word[len(stress) :].removesuffix(stress)
    for match in _LINKIFY.match(bare) or ():
        start, end = match.index, match.last_index
        if bare[end:] == "!" and _TITLE.fullmatch(bare, start, end):
            end += 1
        yield place + len(stress) + start, place + len(stress) + end


def is_link(text: str) -> bool:
    """Whether all of it is one link."""
    return list(_spans(text)) == [(0, len(text))]


def open_link(link: str) -> None:
    """In a process of its own: some browsers keep the caller waiting."""
    if not is_link(link):
        return
    try:
        subprocess.Popen(  # noqa: S603 - a list, no shell, and the link was checked
            [sys.executable, "-m", "webbrowser", "-t", link],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError as error:
        log.warning("no browser could be started: %s", error)

"""Addresses of web pages in a text, and opening one in the person's own browser."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from collections.abc import Iterator

log = logging.getLogger(__name__)

# What is shown is what opens: http and https alone, no spaces, quotes or control characters.
_LINK = re.compile(r"https?://[^\s<>\"'\x00-\x1f\x7f-\x9f]+", re.IGNORECASE)
_NOT_AT_THE_END = ".,;:!?…*_"
_PAIRS = {")": "(", "]": "[", "}": "{"}


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """The text in parts, each with whether it is a link; together they are the text."""
    done = 0
    for match in _LINK.finditer(text):
        link = _without_tail(match.group())
        if not _LINK.fullmatch(link):
            continue  # nothing but the beginning of one
        if match.start() > done:
            yield text[done : match.start()], False
        yield link, True
        done = match.start() + len(link)
    if done < len(text):
        yield text[done:], False


def _without_tail(link: str) -> str:
    """Full stops and brackets after a link belong to the sentence around it."""
    while link[-1] in _NOT_AT_THE_END or (
        link[-1] in _PAIRS and link.count(link[-1]) > link.count(_PAIRS[link[-1]])
    ):
        link = link[:-1]
    return link


def open_link(link: str) -> None:
    """In a process of its own: some browsers keep the caller waiting."""
    if not _LINK.fullmatch(link):
        return
    try:
        subprocess.Popen(  # noqa: S603 - a list, no shell, and the link was checked
            [sys.executable, "-m", "webbrowser", "-t", link],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError as error:
        log.warning("no browser could be started: %s", error)

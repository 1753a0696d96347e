"""What may be typed or pasted: cleaned, on one line, and no longer than can be sent. Pure; no
Tk.
"""

from __future__ import annotations

import re
import unicodedata

from chat.core.limits import TEXT_BYTES_MAX
from chat.ui.words import is_blank

PARTS_MAX = 10  # nobody wants to read more messages than this at one stroke
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]+")
_BREAKS = re.compile(r"[\t\n\r\v\f\x85\u2028\u2029]+")
_PART_OF_EMOJI = re.compile("[\u200d\ufe0f\U0001f3fb-\U0001f3ff]")
_LOOK_BACK = 400  # characters in which a part may end early, at a better place


def size(text: str) -> int:
    """In bytes, as a message holds it."""
    return len(text.encode("utf-8", "replace"))


def refusal(text: str) -> str:
    """Why this text cannot be sent, as a sentence; empty when it can."""
    if is_blank(text):
        return "Write something first."
    return too_long(size(text)) if size(text) > TEXT_BYTES_MAX else ""


def too_long(bytes_: int) -> str:
    return f"Too long for a message: {bytes_:,} of {TEXT_BYTES_MAX:,} bytes."


def sound(text: str) -> str:
    """Without the control characters that pasted text may contain and servers refuse, and with one
    kind of line ending."""
    # X11 input methods can deliver half a character; no server accepts those.
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def cleaned(text: str) -> str:
    """As it is sent."""
    return sound(text).strip("\n")


def single_line(text: str, *, secret: bool = False) -> tuple[str, str]:
    """What a single-line field takes of a text, and a note about what it leaves out. Breaks at the
    ends come from copying a line with its ending. Lines are joined where that can be seen; with a
    secret nobody could tell, so it gets the first line."""
    lines = [line for line in _BREAKS.split(sound(text)) if line]
    if not lines:
        return "", ""
    if secret and len(lines) > 1:
        return lines[0], f"Only the first of {len(lines)} lines was used."
    return " ".join(lines), ""


def fitting(text: str, room: int) -> str:
    """As much of the beginning as fits, in bytes; no character is split."""
    if room <= 0:
        return ""
    if size(text) <= room:
        return text
    whole = place = len(text.encode("utf-8", "replace")[:room].decode("utf-8", "ignore"))
    while place > max(whole - _LOOK_BACK, 0) and _continues(text, place):
        place -= 1
    return text[:place]


def parts(text: str) -> list[str]:
    """The text as messages, each as long as allowed, split where a line or a word ends."""
    found = []
    while size(text) > TEXT_BYTES_MAX:
        part = fitting(text, TEXT_BYTES_MAX)
        cut = _after_last(part, "\n") or _after_last(part, " ") or len(part)
        found.append(text[:cut])
        text = text[cut:]
    return [part for part in map(cleaned, [*found, text]) if not is_blank(part)]


def _after_last(part: str, sign: str) -> int:
    return part.rfind(sign, max(len(part) - _LOOK_BACK, 1)) + 1


def _continues(text: str, place: int) -> bool:
    """Whether what is there belongs to the character before it."""
    return bool(
        unicodedata.combining(text[place])
        or _PART_OF_EMOJI.match(text[place])
        or text[place - 1] == "\u200d"
    )

"""Emoji and their names: those that people use most, and all that can be found by a word. No Tk."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

# With the words that people call them by, where these are not Unicode's.
FREQUENT = (
    ("👍", "thumbs up, yes, +1"),
    ("❤️", "red heart, love"),
    ("😂", "tears of joy, laughing"),
    ("🎉", "party popper, congratulations"),
    ("😮", "surprised, wow"),
    ("😢", "crying, sad"),
    ("🙏", "folded hands, thank you, please"),
    ("✅", "check mark, done"),
)
_MORE = (
    ("👎", "thumbs down, no, -1"), ("👀", "eyes, looking"), ("🔥", "fire"),
    ("💯", "hundred points"),
    ("🤔", "thinking"), ("🙌", "raising hands, hooray"), ("👏", "clapping, applause"),
    ("🚀", "rocket, ship it"), ("❌", "cross mark, no"), ("❓", "question mark"),
    ("😄", "smile, happy"), ("😅", "sweat, relieved"), ("😍", "heart eyes"), ("😡", "angry"),
    ("☕", "coffee, tea, break"), ("🐛", "bug"),
)  # fmt: skip
# Blocks of Unicode in which each sign is shown as an emoji by itself.
_BLOCKS = ((0x1F300, 0x1F320), (0x1F32D, 0x1F335), (0x1F337, 0x1F37C), (0x1F37E, 0x1F393),
           (0x1F3A0, 0x1F3CA), (0x1F3E0, 0x1F3F0), (0x1F400, 0x1F43E), (0x1F440, 0x1F440),
           (0x1F442, 0x1F4FC), (0x1F4FF, 0x1F53D), (0x1F600, 0x1F64F), (0x1F680, 0x1F6C5),
           (0x1F910, 0x1F93A), (0x1F93C, 0x1F945), (0x1F947, 0x1F9FF))  # fmt: skip
_NOT_FOUND_BY = ("EMOJI MODIFIER",)
FOUND_MAX = 60


@lru_cache(maxsize=1)
def _all() -> tuple[tuple[str, str, str], ...]:
    """Each with its name, and the words that it is found by, in lower case; the usual first."""
    usual = dict((*FREQUENT, *_MORE))
    known = {sign: (said, said) for sign, said in usual.items()}
    for first, last in _BLOCKS:
        for code in range(first, last + 1):
            name = unicodedata.name(chr(code), "")
            if name and not name.startswith(_NOT_FOUND_BY):
                said = usual.get(chr(code), name.lower())
                known[chr(code)] = said, f"{said} {name.lower()}"
    return tuple((sign, said, words) for sign, (said, words) in known.items())


def found(wanted: str) -> list[tuple[str, str]]:
    """At most FOUND_MAX emoji and their names: those known by each word of `wanted`, or itself."""
    parts = wanted.casefold().split()
    hits = ((sign, said) for sign, said, words in _all()
            if wanted.strip() == sign or all(part in words for part in parts))  # fmt: skip
    return [hit for _, hit in zip(range(FOUND_MAX), hits, strict=False)]

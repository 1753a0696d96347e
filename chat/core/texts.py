"""How long a text is: in characters as they are stored, however a keyboard makes its letters."""

from __future__ import annotations

import unicodedata

# One composed letter is at most four code points when it comes decomposed (Unicode UAX 15).
DECOMPOSED_MAX = 4


def composed(text: str, characters_max: int) -> str:
    """In the one form (NFC) in which it is stored and counted. ValueError where it is longer
    than that, before much work is done for it."""
    if len(text) <= DECOMPOSED_MAX * characters_max:
        text = unicodedata.normalize("NFC", text)
    if len(text) > characters_max:
        raise ValueError(f"longer than {characters_max} characters")
    return text


def characters(text: str) -> int:
    """For a form that a person fills in: what the servers will count."""
    return len(unicodedata.normalize("NFC", text))

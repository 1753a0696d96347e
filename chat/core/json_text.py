"""JSON: from outside, with words for a person where it is wrong; ours, in its shortest form."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

compact_json: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def parse_json(
    text: str | bytes, pairs: Callable[[list[tuple[str, Any]]], Any] | None = None
) -> Any:
    """The value; JSONDecodeError, UnicodeDecodeError or another ValueError for anything else.
    `pairs` makes the objects, where they are to be no dictionaries."""
    try:
        return json.loads(text, object_pairs_hook=pairs)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except MemoryError:
        raise ValueError("it is too large") from None

"""What is wrong with a document has a line, however many lines are decoded at once."""

from __future__ import annotations

from functools import cache

import pytest

from chat.core.files.document import Header, document_lines, read_document
from chat.core.files.lines import DocumentDamaged
from tests.core.state.states import make, post

COUNT = 700


@cache
def document() -> tuple[bytes, ...]:
    state = make("ann", "bob")
    for number in range(COUNT):
        post(state, f"m{number}", "ann", "bob")
    return tuple(document_lines(Header(1), state.snapshot().json_lines()))


@pytest.mark.parametrize(
    ("of", "to", "reason"),
    [
        (b'"at": ', b'"at": true, "was": ', "Expected `int`, got `bool`"),
        (b'"text": ', b'"text": 1, "was": ', "Expected `str`, got `int`"),
        (b'"from": ', b'"form": ', "unknown field `form`"),
        (b'"text": ', b'"edited_at": -1, "text": ', "Expected `int` >= 0"),
        (b'"text": ', b'"reactions": [1], "text": ', "Expected `array`, got `int`"),
        (b'"text": ', b'"text" ', "Expecting ':' delimiter"),
        (b'"text": "', b'"text": "\xff', "it is not UTF-8"),
    ],
)
@pytest.mark.parametrize("number", [0, 255, 256, 600, COUNT - 1])
def test_a_message_that_is_none_is_named_by_its_line(
    of: bytes, to: bytes, reason: str, number: int
) -> None:
    lines = list(document())
    place = next(at for at, line in enumerate(lines) if b'"m%d"' % number in line and of in line)
    lines[place] = lines[place].replace(of, to, 1)
    with pytest.raises(DocumentDamaged) as refusal:
        read_document(lines)
    assert refusal.value.line == place + 1
    assert reason in refusal.value.reason

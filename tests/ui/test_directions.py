"""Nobody's text turns round the words beside it: a line stays the line of whoever it is about."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import pytest

from chat.client.events import ChatMessage, ConversationSummary, Mark, RoomInfo, RoomNote
from chat.core.errors import Invalid
from chat.server import checks
from chat.ui import notify, words
from chat.ui.transcript import blocks

# By Unicode's own data (UAX 9): embeddings, overrides, isolates, their ends, and the marks.
CONTROLS = [
    character
    for character in map(chr, range(0x3000))
    if unicodedata.bidirectional(character)
    in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    or character in "\u061c\u200e\u200f"
]
HOSTILE = "".join(CONTROLS) + "ecarg"
ROOM = RoomInfo("#lab", HOSTILE, False, "ada", 3, True)
NOTE = RoomNote("#lab", 1, 1, "changed", "mallory", topic=HOSTILE)
TALK = ConversationSummary(
    "#lab", HOSTILE, Mark.RECEIVED, 1.0, 1, False, False, room=ROOM, preview_sender="mallory"
)


def test_there_are_twelve() -> None:
    assert len(CONTROLS) == 12


@pytest.mark.parametrize("control", CONTROLS, ids=lambda each: f"{ord(each):04x}")
def test_no_name_has_one(control: str) -> None:
    for name in (f"ada{control}", f"{control}ada", f"a{control}da"):
        with pytest.raises(Invalid):
            checks.new_username(name)
        with pytest.raises(Invalid):
            checks.new_room_name(f"#{name}")


@pytest.mark.parametrize(
    "line",
    [
        words.preview(TALK, ""),
        words.preview(TALK, HOSTILE),
        words.preview(replace(TALK, preview_mark=Mark.SENT), ""),
        words.preview(replace(TALK, last_activity=0.0), ""),
        words.shortened(HOSTILE, 40),
        words.one_line(HOSTILE),
        words.about_room(ROOM),
        *notify.summary([("mallory", words.one_line(HOSTILE))]),
        *(
            words.note(
                RoomNote("#lab", 1, 1, "changed", "mallory", (), HOSTILE, changed=(one,)), ""
            )
            for one in ("topic", "access")
        ),
    ],
)
def test_no_line_with_other_words_has_one(line: str) -> None:
    assert not set(CONTROLS) & set(line)


def test_a_message_stands_on_lines_of_its_own() -> None:
    """There they may be: Arabic and Hebrew need them. The end of a line ends what they began."""
    message = ChatMessage("1", "#lab", "mallory", f"{HOSTILE}\n{HOSTILE}", 1.0, 1, Mark.RECEIVED)
    around = blocks.Surroundings("ada", None, "", 0, 2.0)
    lines = "".join(piece.text for piece in blocks.block(message, around).pieces()).split("\n")
    with_a_name = [line for line in lines if "mallory" in line]
    assert len(with_a_name) == 1
    assert not set(CONTROLS) & set(with_a_name[0])
    assert set(CONTROLS) <= set("".join(lines))

"""What counts as a link in a text, and what is opened."""

from __future__ import annotations

import subprocess
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.core.limits import TEXT_BYTES_MAX
from chat.ui.transcript import links

# On the thread that draws: a slow machine may need several times what is usual.
MATCHING_MAX_S = 0.020

# These are links, to their last sign.
WHOLE = [
    "http://x",
    "HTTP://EXAMPLE.ORG",
    "http://localhost:8080/x?y=1#z",
    "https://user@example.org:8080/",
    "https://127.0.0.1/",
    "https://münchen.de/straße/ü",
    "https://en.wikipedia.org/wiki/Rubik's_Cube",
    "https://en.wikipedia.org/wiki/Rubik’s_Cube",
    "https://en.wikipedia.org/wiki/Yahoo!",
    "https://example.org/Yahoo!",
    "https://example.org/name_",
    "https://example.org/a*",
    "https://example.org/a-",
    "https://example.org/a_(b)",
    "https://example.org/a_[b]?q=[1]",
    "https://example.org/a,b;c:d@e",
    "https://example.org/🎉",
    "https://example.org/compare/1...2",
    "https://example.org/#!/x",
    "https://web.archive.org/web/2020/https://example.org/",
    "https://example.org/?next=https://example.org/a&b=http://x/",
    "https://example.org/" + "x" * 16_000,
]

# What stands around a link is no part of it.
AROUND = [
    ("see ", ", please"),
    ("(", ")"),
    ("[", "]."),
    ("<", ">"),
    ("'", "'"),
    ('"', '"'),
    ("“", "”"),
    ("„", "“"),
    ("‘", "’"),
    ("‚", "‘"),
    ("«", "»"),
    ("‹", "›"),
    ("`", "`"),
    ("```", "```"),
    ("「", "」"),
    ("（", "）"),
    ("**", "**"),
    ("_", "_"),
    ("~~", "~~"),
    ("", "…"),
    ("", "..."),
    ("", "!!!"),
    ("", "?"),
    ("", "。"),
    ("\u2066", "\u2069"),
    ("\u200b", "\u200b"),
    ("*", ""),
    ("link:\n", "\n"),
]

# Each sign that nobody sees, or that turns around what follows.
HIDDEN = (
    "\u202e\u202d\u2066\u2067\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad\u061c\u3164\x00\x7f"
)


def found(text: str) -> list[str]:
    parts = list(links.pieces(text))
    assert "".join(part for part, _ in parts) == text
    return [part for part, is_link in parts if is_link]


@pytest.mark.parametrize("link", WHOLE)
def test_a_link_is_taken_whole(link: str) -> None:
    assert found(link) == [link]
    assert found(f"see {link} and {link}\n{link}") == [link] * 3
    assert links.is_link(link)


@pytest.mark.parametrize(("before", "after"), AROUND)
def test_what_stands_around_a_link_is_no_part_of_it(before: str, after: str) -> None:
    for link in ("https://example.org/c", "http://example.org"):
        assert found(before + link + after) == [link]


@pytest.mark.parametrize("sign", HIDDEN, ids=lambda sign: f"U+{ord(sign):04X}")
def test_nothing_hidden_is_part_of_a_link(sign: str) -> None:
    assert found(f"https://example.org/{sign}fdp.exe") == ["https://example.org/"]
    assert not links.is_link(f"https://example.org/a{sign}b")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("javascript:alert(1) file:///etc/passwd ftp://example.org mailto:a@example.org", []),
        ("www.example.org example.org readme.md a@example.org //example.org", []),
        ("https://", []),
        ("https://...", []),
        ("xhttps://example.org", []),
        ("HTTP://EXAMPLE.ORG. http://x", ["HTTP://EXAMPLE.ORG", "http://x"]),
        ('<https://a"b>', ["https://a"]),
        ("https://example.org/123!", ["https://example.org/123"]),
        ("https://example.org/Yahoo!!", ["https://example.org/Yahoo"]),
        ("_https://example.org/a", ["https://example.org/a"]),
        ("[text](https://example.org/a)", ["https://example.org/a"]),
    ],
)
def test_links_are_told_from_text(text: str, expected: list[str]) -> None:
    assert found(text) == expected


@given(st.text(alphabet=st.sampled_from("https://a.b(['\"!*_`“”\u202e\u200b’x \n🎉:@?#")))
def test_the_pieces_are_the_text_and_hide_nothing(text: str) -> None:
    for link in found(text):
        assert link.lower().startswith(("http://", "https://"))
        assert not set(link) & set(HIDDEN + "`“” \n")


def test_more_links_than_anybody_clicks_are_plain_text() -> None:
    assert len(found("https://example.org " * 300)) == 200


COSTLY = [
    "https://a.b/(", "https://a.b/", "http://", "https://x/ ", "https://a.b/c ", "https:", "(",
    "https://a.b/[(", "https://a:", "a@", "a.", "://", "-", "https://a.b/(()", "x", "«`",
]  # fmt: skip


@pytest.mark.parametrize("part", COSTLY)
@pytest.mark.parametrize("start", ["", "https://a.b/", "https://a"])
def test_no_text_holds_up_the_window(start: str, part: str) -> None:
    text = (start + part * TEXT_BYTES_MAX)[:TEXT_BYTES_MAX]
    spent = []
    for _ in range(5):  # the best of them: others may want the processor too
        before = time.thread_time()
        found(text)
        spent.append(time.thread_time() - before)
    assert min(spent) < MATCHING_MAX_S


@pytest.mark.parametrize(
    "link",
    ["file:///etc/passwd", "javascript:1", "https://a b", "--help", "", "https://a.b/\u202ec"],
)
def test_only_web_pages_are_opened(link: str, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(subprocess, "Popen", lambda command, **_: started.append(command))
    links.open_link(link)
    assert not started
    links.open_link("https://example.org/x")
    assert started[0][-1] == "https://example.org/x"

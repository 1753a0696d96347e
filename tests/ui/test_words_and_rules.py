"""What the window says and when, without a display."""

from __future__ import annotations

import pytest

from chat.client.events import Link, LinkChanged
from chat.ui import keys
from chat.ui.banner import BannerState, waiting_text
from chat.ui.picker import pattern_for
from chat.ui.typed import cleaned, refusal
from chat.ui.words import BLANK, visible


def test_no_two_actions_share_a_key() -> None:
    sequences = [sequence for shortcut in keys.SHORTCUTS for sequence in shortcut.sequences]
    assert len(sequences) == len(set(sequences))


def test_labels_are_what_is_printed_on_keys() -> None:
    assert keys.label("<Control-Prior>") == "Ctrl+PgUp"
    assert keys.label("<Control-Key-1>") == "Ctrl+1"
    assert keys.label("<Alt-Shift-Down>") == "Alt+Shift+Down"


def told(state: BannerState, now: float) -> str:
    notice = state.notice(now)
    return notice.text if notice else ""


def test_a_short_failover_shows_no_banner() -> None:
    state = BannerState()
    state.link_changed(LinkChanged(Link.RECONNECTING, server_id=1, since=10.0), 10.0)
    assert told(state, 10.9) == ""
    state.link_changed(LinkChanged(Link.CONNECTED, server_id=2), 10.95)
    assert told(state, 11.0) == ""


def test_a_longer_one_is_told_and_ends_with_a_word() -> None:
    state = BannerState()
    state.link_changed(LinkChanged(Link.RECONNECTING, server_id=1, since=10.0), 10.0)
    assert told(state, 11.0).startswith("Server 1 stopped answering.")
    state.link_changed(LinkChanged(Link.WAITING, retry_at=24.0, since=10.0), 12.0)
    assert "Trying again in 8 s." in told(state, 16.0)
    state.link_changed(LinkChanged(Link.CONNECTED, server_id=2), 20.0)
    state.flushed(2, 20.1)
    assert told(state, 20.2) == "Connected again. 2 waiting messages sent."
    assert told(state, 23.2) == ""


def test_what_a_short_failover_sent_needs_no_word() -> None:
    state = BannerState()
    state.link_changed(LinkChanged(Link.RECONNECTING, server_id=1, since=10.0), 10.0)
    assert told(state, 10.3) == ""
    state.link_changed(LinkChanged(Link.CONNECTED, server_id=2), 10.4)
    state.flushed(1, 10.5)
    assert told(state, 10.6) == ""


def test_catching_up_is_a_new_thing() -> None:
    state = BannerState()
    state.link_changed(LinkChanged(Link.RECONNECTING, server_id=1, since=10.0), 10.0)
    state.link_changed(LinkChanged(Link.CATCHING_UP, missed=2, since=10.0), 10.8)
    assert told(state, 11.2) == ""
    assert told(state, 11.3) == "Getting 2 missed messages…"


def test_signing_out_ends_the_trouble() -> None:
    state = BannerState()
    state.link_changed(LinkChanged(Link.WAITING, since=10.0), 10.0)
    assert told(state, 16.0)
    state.link_changed(LinkChanged(Link.OFFLINE), 16.1)
    assert told(state, 16.2) == ""
    state.link_changed(LinkChanged(Link.CONNECTED, server_id=2), 17.0)
    assert told(state, 17.0) == ""


def test_no_quorum_is_told_at_once() -> None:
    state = BannerState()
    state.link_changed(LinkChanged(Link.NO_QUORUM, up=1, configured=3), 1.0)
    assert told(state, 1.0).startswith("Only 1 of 3 servers is up. You can read;")


def test_catching_up_is_told_after_half_a_second() -> None:
    state = BannerState()
    state.link_changed(LinkChanged(Link.CATCHING_UP, missed=37), 1.0)
    assert told(state, 1.4) == ""
    assert told(state, 1.5) == "Getting 37 missed messages…"


def test_what_is_no_message_is_not_counted_as_one() -> None:
    state = BannerState()
    state.link_changed(LinkChanged(Link.CATCHING_UP), 1.0)
    assert told(state, 1.5) == "Catching up…"


def test_a_short_wait_is_not_counted_down() -> None:
    assert "4 s" not in waiting_text(4.0)


def test_texts_are_cleaned_and_measured() -> None:
    assert cleaned("\r\na\x07b\r\n\tc\n") == "ab\n\tc"
    assert refusal("x") == ""
    assert refusal(" ") != ""
    assert refusal("é" * 8_193) == "Too long for a message: 16,386 of 16,384 bytes."


@pytest.mark.parametrize("text", ["", " \n\t", "\u200b", "\u2060 \u200d\ufeff", "\u3164", "\u2800",
                                  "\u00ad", "\ufe0f", "\U000e0041"])  # fmt: skip
def test_a_text_that_nobody_can_see_is_empty(text: str) -> None:
    assert refusal(text) == "Write something first."
    assert visible(text) == BLANK


@pytest.mark.parametrize("text", [".", "\u200b.", "❤\ufe0f", "ـ", "\u0301", "👩\u200d🚀", "\ue000"])
def test_a_text_with_anything_to_see_is_as_it_is(text: str) -> None:
    assert refusal(text) == ""
    assert visible(text) == text


def test_a_filter_matches_anywhere() -> None:
    assert pattern_for(" ad ") == "*ad*"
    assert pattern_for("a?a") == "a?a"

"""Names, texts, tokens: what is refused and what is let through."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chat.core import limits
from chat.core.errors import Invalid
from chat.server import checks
from chat.server.auth import new_token, token_hash
from chat.server.callers import address_of


def test_usernames_have_one_form() -> None:
    assert checks.username("ＡnnÉ") == "anné"
    assert checks.username("x" * 32) == "x" * 32
    for bad in ("", "a b", "x" * 33, "a\n", "\u200b", "\ud800", "x" * 200):
        with pytest.raises(Invalid) as caught:
            checks.username(bad)
        assert caught.value.metadata == {"field": "username"}


def test_a_filter_finds_what_another_keyboard_made() -> None:
    assert checks.wildcard_filter("e\u0301*") == "é*"


def test_texts_are_bounded_in_bytes_and_free_of_control_characters() -> None:
    assert checks.message_text("a\n\tb é") == "a\n\tb é"
    assert checks.message_text("x" * limits.TEXT_BYTES_MAX)
    for bad in ("", "x" * (limits.TEXT_BYTES_MAX + 1), "é" * 8193, "a\x00", "\x1b[2J", "\x85"):
        with pytest.raises(Invalid):
            checks.message_text(bad)


@pytest.mark.parametrize(
    "refused",
    [
        lambda: checks.new_password("short", "ann"),
        lambda: checks.new_password("x" * 129, "ann"),
        lambda: checks.new_password("ANN-MARIE", "ann-marie"),
        lambda: checks.password_to_check("x" * 129),
        lambda: checks.request_id("", required=True),
        lambda: checks.request_id("1234"),
        lambda: checks.device_name("x" * 65),
        lambda: checks.device_secret("too short"),
        lambda: checks.device_secret("x" * 129),
        lambda: checks.wildcard_filter("x" * 65),
        lambda: checks.not_negative(-1, "after"),
    ],
)
def test_refusals(refused: Callable[[], object]) -> None:
    with pytest.raises(Invalid):
        refused()


def test_tokens_are_random_and_stored_as_hashes() -> None:
    assert new_token() != new_token()
    assert len(token_hash(new_token())) == 64


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:192.0.2.7:5000", "192.0.2.7"),
        ("ipv6:%5B2001:db8:1:2:3:4:5:6%5D:5000", "2001:db8:1:2::/64"),
        ("ipv6:[2001:db8:1:2:ffff::1]:5001", "2001:db8:1:2::/64"),
        ("ipv6:%5Bfe80::1%25eth0%5D:5000", "fe80::/64"),
        ("ipv6:%5B::ffff:192.0.2.7%5D:5000", "192.0.2.7"),
        ("unix:/run/chat.sock", "unix:/run/chat.sock"),
    ],
)
def test_callers_are_counted_by_address(peer: str, address: str) -> None:
    assert address_of(peer) == address

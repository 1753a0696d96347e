"""Names, texts, passwords, waits: what is refused and what is let through."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from chat.core import limits
from chat.core.errors import Invalid, Throttled
from chat.server import checks
from chat.server.auth import Passwords, new_token, token_hash
from chat.server.peering import Peering
from chat.server.throttle import Throttle


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
        lambda: checks.wildcard_filter("x" * 65),
        lambda: checks.page_size(-1),
        lambda: checks.not_negative(-1, "after"),
    ],
)
def test_refusals(refused: Callable[[], object]) -> None:
    with pytest.raises(Invalid):
        refused()


def test_page_sizes() -> None:
    assert checks.page_size(0) == limits.PAGE_SIZE_DEFAULT
    assert checks.page_size(10_000) == limits.PAGE_SIZE_MAX


def test_passwords_beyond_72_bytes_count_to_the_last() -> None:
    async def scenario() -> None:
        passwords = Passwords(cost=4)
        try:
            hashed = await passwords.hash("x" * 100 + "a")
            assert await passwords.check("x" * 100 + "a", hashed)
            assert not await passwords.check("x" * 100 + "b", hashed)
            assert not await passwords.check("anything", None)
        finally:
            passwords.close()

    asyncio.run(scenario())


def test_waits_grow_and_are_forgotten() -> None:
    throttle = Throttle()
    for _ in range(limits.LOGIN_FAILURES_PER_ACCOUNT):
        throttle.begin("ann", "host", 0.0)
    with pytest.raises(Throttled) as caught:
        throttle.begin("ann", "host", 0.0)
    assert int(caught.value.metadata["retry_after_ms"]) == 1001
    throttle.begin("bob", "host", 0.0)
    throttle.begin("ann", "host", 1.0)
    with pytest.raises(Throttled):
        throttle.begin("ann", "host", 2.5)
    throttle.succeeded("ann", "host")
    throttle.begin("ann", "host", 2.5)


def test_an_address_waits_after_failures_at_many_accounts() -> None:
    throttle = Throttle()
    for number in range(limits.LOGIN_FAILURES_PER_ADDRESS):
        throttle.begin(f"user{number}", "host", 0.0)
    with pytest.raises(Throttled):
        throttle.begin("fresh", "host", 0.5)
    throttle.begin("fresh", "elsewhere", 0.5)


def test_what_succeeded_or_was_never_checked_is_no_failure() -> None:
    throttle = Throttle()
    for _ in range(10 * limits.LOGIN_FAILURES_PER_ADDRESS):
        throttle.begin("ann", "host", 0.0)
        throttle.succeeded("ann", "host")
        throttle.begin("ann", "host", 0.0)
        throttle.dropped("ann", "host")


def test_a_password_is_the_same_from_any_keyboard() -> None:
    async def scenario() -> None:
        passwords = Passwords(4)
        hashed = await passwords.hash("caf\u00e9 caf\u00e9")
        assert await passwords.check("cafe\u0301 cafe\u0301", hashed)
        assert not await passwords.check("cafe cafe", hashed)
        passwords.close()

    asyncio.run(scenario())


def test_tokens_and_the_secret() -> None:
    assert new_token() != new_token()
    assert len(token_hash(new_token())) == 64
    peering = Peering("s", "2.1.0")
    assert peering.is_peer(peering.metadata)
    assert peering.is_peer(Peering("s", "2.0.9").metadata)
    assert not peering.is_peer(Peering("s", "1.9.0").metadata)
    assert not peering.is_peer(Peering("s", "21.0.0").metadata)
    assert not peering.is_peer(Peering("t", "2.1.0").metadata)
    assert not peering.is_peer(None)

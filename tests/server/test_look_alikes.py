"""Names that look like another's, and texts whose letters came in pieces."""

from __future__ import annotations

import asyncio
import unicodedata
from uuid import uuid4
from weakref import ref

import grpc
import pytest

from chat import wire
from chat.core import errors, limits
from chat.core.state.chat_state import ChatState
from chat.core.state.operations.register_user import RegisterUser
from chat.core.state.operations.remove_account import RemoveAccount
from chat.rpc import chat_pb2 as pb
from chat.server import checks
from chat.server import look_alikes as module
from chat.server.look_alikes import LookAlikes, skeleton
from tests.cluster import PASSWORD, Cluster
from tests.core.files.documents import restored

ADMIN = "\u0430dmin"  # with a Cyrillic letter


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("admin", ADMIN),
        ("cope", "\u0441\u043e\u0440\u0435"),  # Cyrillic throughout
        ("paul", "\u03c1aul"),  # a Greek rho
        ("modern", "rnodern"),
        ("paul1", "paull"),
        ("caf\u00e9", "cafe\u0301"),
    ],
)
def test_what_looks_alike_has_one_skeleton(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)
    assert skeleton(skeleton(one)) == skeleton(one)


def test_what_looks_different_has_another() -> None:
    names = ["ann", "anna", "ann-1", "ann.1", "ann2", "anné", "ann0", "anno", "юля", "אבג"]
    assert len({skeleton(name) for name in names}) == len(names)


def refusal(look_alikes: LookAlikes, name: str, state: ChatState) -> str:
    """The name that it looks like; empty = it is not refused."""
    try:
        assert asyncio.run(look_alikes.refuse(name, state)) == skeleton(name)
    except errors.NameTaken as error:
        return error.metadata["looks_like"]
    return ""


def test_accounts_of_older_versions_and_deleted_ones_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_NAMES_AT_ONCE", 2)
    state, look_alikes = ChatState(), LookAlikes()
    for number in range(5):
        state.apply(RegisterUser(f"user{number}", "hash", "", 1))
    state.apply(RegisterUser("admin", "hash", "", 1))
    assert refusal(look_alikes, ADMIN, state) == "admin"
    assert refusal(look_alikes, "admin", state) == ""  # that is another question
    assert refusal(look_alikes, "paul1", state) == ""
    state.apply(RegisterUser("paul1", "hash", "", 2))
    state.apply(RemoveAccount("paul1", "hash", "bye", 3))
    assert refusal(look_alikes, "paull", state) == "paul1"
    again = restored(state.snapshot().json_lines())
    assert refusal(look_alikes, ADMIN, again) == "admin"
    assert refusal(look_alikes, "paull", ChatState()) == ""


def test_the_state_of_before_may_go() -> None:
    state, look_alikes = ChatState(), LookAlikes()
    state.apply(RegisterUser("paul1", "hash", "", 1))
    assert refusal(look_alikes, "ann", state) == ""
    before = ref(state)
    del state
    assert before() is None
    assert refusal(look_alikes, "paull", ChatState()) == ""


def test_of_two_at_once_the_state_takes_one() -> None:
    state = ChatState()
    assert state.apply(RegisterUser("admin", "hash", "a", 1, skeleton("admin"))).result == "admin"
    assert state.apply(RegisterUser("admin", "hash", "a", 1, skeleton("admin"))).result == "admin"
    for each in (state, restored(state.snapshot().json_lines())):
        refused = each.apply(RegisterUser(ADMIN, "hash", "b", 2, skeleton(ADMIN))).result
        assert isinstance(refused, errors.NameTaken)
        assert refused.metadata == {"looks_like": "admin"}
        assert each.accounts.find(ADMIN) is None


def test_a_name_that_looks_like_another_is_not_given(cluster: Cluster) -> None:
    cluster.client("admin")
    eve = cluster.client()
    request = pb.RegisterRequest(username=ADMIN, password=PASSWORD, request_id=str(uuid4()))
    with pytest.raises(grpc.RpcError) as caught:
        eve.once("Register", request)
    assert caught.value.code() is grpc.StatusCode.ALREADY_EXISTS
    error = wire.error_from_rpc(caught.value)
    assert error is not None
    assert (error.reason, error.metadata) == ("NAME_TAKEN", {"looks_like": "admin"})
    cluster.client("grace")


# --- letters in pieces -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("check", "most"),
    [
        (lambda text: checks.new_password(text, "ann"), limits.PASSWORD_CHARACTERS_MAX),
        (checks.password_to_check, limits.PASSWORD_CHARACTERS_MAX),
        (checks.device_name, limits.DEVICE_NAME_CHARACTERS_MAX),
        (checks.wildcard_filter, limits.FILTER_CHARACTERS_MAX),
        (checks.username, limits.USERNAME_CHARACTERS_MAX),
    ],
)
@pytest.mark.parametrize("letter", ["é", "ǖ", "ᾂ", "각"])
def test_length_is_counted_however_a_keyboard_makes_its_letters(
    check: object, most: int, letter: str
) -> None:
    assert callable(check)
    for form in ("NFC", "NFD"):
        fits = unicodedata.normalize(form, letter * most)
        assert check(fits) == unicodedata.normalize("NFC", fits)
        for refused in (fits + "x", "e\u0301" * 30_000):
            with pytest.raises(errors.Invalid):
                check(refused)


def test_a_password_in_pieces_is_not_longer_than_it_looks() -> None:
    seven = unicodedata.normalize("NFD", "é" * 7)
    with pytest.raises(errors.Invalid):
        checks.new_password(seven, "ann")

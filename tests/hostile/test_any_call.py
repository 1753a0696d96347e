"""No call that the .proto files allow comes to anything but a documented answer."""

from __future__ import annotations

from chat.core.errors import ChatError
from tests.cluster import Cluster
from tests.hostile.any_call import documented_reasons, play
from tests.server.conftest import solo

__all__ = ["solo"]

_CALLS = 300


def test_every_reason_is_documented() -> None:
    ours = [kind for kind in _kinds(ChatError) if kind.__module__.startswith("chat.core.")]
    named = {kind.reason for kind in ours} - {ChatError.reason}
    assert documented_reasons() == named


def _kinds(kind: type[ChatError]) -> list[type[ChatError]]:
    return [kind, *(deeper for each in kind.__subclasses__() for deeper in _kinds(each))]


def test_any_call_gets_a_documented_answer(solo: Cluster) -> None:
    ada, grace = solo.clients("ada", "grace")
    sent = ada.send("grace", "hello")
    words = [ada.name, grace.name, "nobody", sent.id]
    outcomes = play(ada.channel(1), words, [ada.token, grace.token], _CALLS)
    assert outcomes["OK"] > _CALLS / 20
    assert outcomes["INVALID"] > _CALLS / 20
    assert sum(outcomes.values()) >= _CALLS
    assert ada.texts("grace")[0] in ("hello", ""), "or one of the calls has unsent it"

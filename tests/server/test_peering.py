"""The proofs between servers: what opens the door, and that nothing else does."""

from __future__ import annotations

import pytest

from chat.server.peering import (
    ANSWER_KEY,
    ANYWHERE,
    CALL_KEY,
    CATCH_UP,
    NO_PROOF,
    PING,
    REPLICATE,
    VERSION_KEY,
    Answerer,
    Found,
    Pairs,
    Peering,
)

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
PLACES = {1: "127.0.0.1:8001", 2: "127.0.0.1:8002", 3: "127.0.0.1:8003"}


def server(server_id: int, key: bytes = KEY, version: str = "2.1.0", **places: str) -> Peering:
    at = {**PLACES, **{int(name[1:]): place for name, place in places.items()}}
    return Peering(key, server_id, at, version)


def call(caller: Peering, answerer: Peering, peer: int, method: str = PING) -> tuple[int, Found]:
    """Whom the answerer takes the caller for, and the caller the answerer."""
    claim = caller.claim(peer, method)
    known, answer = answerer.answer(method, claim.metadata)
    return known, caller.check(claim, answer)


def acquainted() -> tuple[Peering, Peering]:
    one, two = server(1), server(2)
    assert call(one, two, 2)[1].answerer is Answerer.INTRODUCED
    return one, two


def test_the_first_call_introduces_the_second_is_known() -> None:
    one, two = server(1), server(2)
    assert not one.has_met(2)
    assert call(one, two, 2) == (0, Found(Answerer.INTRODUCED))
    assert one.has_met(2)
    for method in (PING, REPLICATE, CATCH_UP):
        assert call(one, two, 2, method) == (1, Found(Answerer.PEER))


def test_a_new_process_is_introduced_anew() -> None:
    one, _ = acquainted()
    again = server(2)
    assert call(one, again, 2) == (0, Found(Answerer.INTRODUCED))
    assert call(one, again, 2) == (1, Found(Answerer.PEER))


def test_a_proof_is_of_use_for_one_method_at_one_process_of_one_server() -> None:
    one, two = acquainted()
    claim = one.claim(2, CATCH_UP)
    for other in (server(1), server(2), server(3)):
        for method in (PING, REPLICATE, CATCH_UP):
            assert other.answer(method, claim.metadata)[0] == 0
    assert two.answer(PING, claim.metadata)[0] == 0
    assert two.answer(REPLICATE, claim.metadata)[0] == 0
    assert two.answer(CATCH_UP, claim.metadata)[0] == 1


def test_no_part_of_a_proof_can_be_changed() -> None:
    one, two = acquainted()
    words = dict(one.claim(2, PING).metadata)[CALL_KEY].split(" ")
    changes = ("3", "3", PLACES[3], 32 * "0", 64 * "0")
    for place, change in enumerate(changes):
        changed = [*words[:place], change, *words[place + 1 :]]
        metadata = ((CALL_KEY, " ".join(changed)), (VERSION_KEY, "2.1.0"))
        assert two.answer(PING, metadata)[0] == 0, change


@pytest.mark.parametrize(
    ("caller", "peer"),
    [(2, 2), (101, 2), (1, 3)],  # itself, one that cannot be, one that calls another
)
def test_right_key_wrong_id(caller: int, peer: int) -> None:
    two = server(2)
    stranger = Peering(KEY, caller, {**PLACES, 101: "127.0.0.1:8004"}, "2.1.0")
    stranger._epochs = dict.fromkeys((1, 2, 3, 101), two._epoch)
    claim = stranger.claim(peer, PING)
    assert two.answer(PING, claim.metadata)[0] == 0


def test_a_server_that_is_to_be_new_is_known_by_the_key() -> None:
    two = server(2)
    newcomer = Peering(KEY, 4, {**PLACES, 4: "127.0.0.1:8004"}, "2.1.0")
    newcomer._epochs = {2: two._epoch}
    assert two.answer(PING, newcomer.claim(2, PING).metadata)[0] == 4


def test_an_answer_is_of_use_for_one_call() -> None:
    one, two = acquainted()
    claims = [one.claim(2, PING) for _ in range(2)]
    answers = [two.answer(PING, claim.metadata)[1] for claim in claims]
    assert one.check(claims[0], answers[1]).answerer is Answerer.STRANGER
    assert one.check(one.claim(2, PING), answers[0]).answerer is Answerer.STRANGER
    streaming = one.claim(2, REPLICATE)
    _, wrong_method = two.answer(PING, streaming.metadata)
    assert one.check(streaming, wrong_method).answerer is Answerer.STRANGER


@pytest.mark.parametrize(
    ("answerer", "words"),
    [
        (server(3), "server 3"),
        (server(1), "server 1"),  # the caller's own proof comes back
        (server(2, OTHER_KEY), "a server that has another cluster.key"),
        (server(2, s2="127.0.0.1:9999"), "server 2, whose own config.json says 127.0.0.1:9999"),
    ],
)
def test_who_else_answers_is_named(answerer: Peering, words: str) -> None:
    one, _ = acquainted()
    assert call(one, answerer, 2) == (0, Found(Answerer.STRANGER, words))
    claim = one.claim(2, PING)
    nobody = Found(Answerer.STRANGER, NO_PROOF)
    garbage: tuple[Pairs | None, ...] = (None, (), ((ANSWER_KEY, "x"),), claim.metadata)
    for metadata in garbage:
        assert one.check(claim, metadata) == nobody


def test_a_call_that_comes_by_another_address_is_no_call_for_this_server() -> None:
    """Somebody in between could pass on all that both say, and listen."""
    one, two = server(1, s2="127.0.0.1:9999"), server(2)
    one._epochs[2] = two._epoch
    known, found = call(one, two, 2)
    assert (known, found.answerer) == (0, Answerer.STRANGER)


def test_with_an_address_of_its_own_a_server_may_be_called_by_another() -> None:
    one, two = server(1), server(2, s2=ANYWHERE)
    assert call(one, two, 2)[1].answerer is Answerer.INTRODUCED
    assert call(one, two, 2) == (1, Found(Answerer.PEER))


@pytest.mark.parametrize(("version", "fits"), [("2.0.9", True), ("1.9.0", False), ("21.0", False)])
def test_versions_of_another_kind_are_no_peers(version: str, fits: bool) -> None:
    one, two = server(1, version=version), server(2)
    call(one, two, 2)
    assert call(one, two, 2) == (int(fits), Found(Answerer.PEER))


def test_the_key_is_never_sent() -> None:
    one, two = acquainted()
    claim = one.claim(2, PING)
    sent = repr((claim.metadata, two.answer(PING, claim.metadata)))
    assert KEY.hex() not in sent
    assert KEY.decode() not in sent

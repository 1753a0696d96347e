"""Where somebody is signed in, seen and ended from one of their devices."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chat.core import limits
from chat.rpc import chat_pb2 as pb
from tests.cluster import Client, Cluster, wait_until
from tests.server.test_authorization import outcome_of, request_id

People = Callable[[str], list[Client]]


def sessions(client: Client) -> list[pb.Session]:
    return list(client.call("ListSessions", pb.ListSessionsRequest()).sessions)


def end(client: Client, session_id: str = "", request: str = "") -> int:
    asked = pb.EndSessionsRequest(session_id=session_id, request_id=request or request_id())
    return int(client.call("EndSessions", asked).ended)


def test_everyone_sees_where_they_are_signed_in_and_nobody_else(people: People) -> None:
    ann, bob = people("ann bob")
    phone = ann.again()
    stream = phone.subscribe()
    stream.wait_for(lambda: stream.heartbeats)
    here, there = sessions(ann)
    assert (here.current, here.online) == (True, False)
    assert (there.current, there.online) == (False, True)
    assert [each.current for each in sessions(phone)] == [False, True]
    assert len({here.session_id, there.session_id}) == 2
    assert there.used_at.ToMilliseconds() == there.opened_at.ToMilliseconds() > 0
    assert there.expires_at.ToMilliseconds() > there.opened_at.ToMilliseconds()
    assert len(sessions(bob)) == 1
    assert ann.token not in str(sessions(ann))


def test_one_device_is_signed_out_from_another(people: People) -> None:
    (ann,) = people("ann")
    phone, tablet = ann.again(), ann.again()
    stream = phone.subscribe()
    lost = sessions(phone)[1]
    assert end(ann, lost.session_id) == 1
    assert stream.ended() == "SESSION_ENDED"
    assert outcome_of(phone, "ListSessions", pb.ListSessionsRequest(), phone.metadata()) == (
        "SESSION_ENDED"
    )
    assert [each.current for each in sessions(tablet)] == [False, True]
    assert end(ann, lost.session_id) == 0


def test_all_others_are_signed_out_and_asked_again_no_later_ones(people: People) -> None:
    (ann,) = people("ann")
    phone, tablet = ann.again(), ann.again()
    streams = [phone.subscribe(), tablet.subscribe()]
    request = request_id()
    assert end(ann, request=request) == 2
    assert [stream.ended() for stream in streams] == ["SESSION_ENDED", "SESSION_ENDED"]
    laptop = ann.again()
    assert end(ann, request=request) == 2
    assert [each.current for each in sessions(laptop)] == [False, True]


def test_a_session_of_somebody_else_is_none(people: People) -> None:
    ann, eve = people("ann eve")
    (hers,) = sessions(ann)
    assert end(eve, hers.session_id) == 0
    assert sessions(ann) == [hers]
    for wrong in ("xyz", hers.session_id[:-1], ann.token):
        asked = pb.EndSessionsRequest(session_id=wrong, request_id=request_id())
        assert outcome_of(eve, "EndSessions", asked, eve.metadata()) == "INVALID"


def test_use_is_noted_now_and_then_and_not_with_each_call(
    people: People, solo: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CLOCK_TRUST_S", 0.0)
    wait_until(lambda: solo.nodes[1].machine.time.is_sure, "a clock that is trusted")
    (ann,) = people("ann")
    (opened,) = sessions(ann)
    for _ in range(20):
        ann.conversations()
    assert sessions(ann) == [opened]
    monkeypatch.setattr(limits, "SESSION_USE_NOTED_MS", 0)

    def is_noted() -> bool:
        (now,) = sessions(ann)
        return now.used_at.ToMilliseconds() > opened.used_at.ToMilliseconds()

    wait_until(is_noted, "the use of the session")
    monkeypatch.undo()
    wait_until(lambda: not solo.nodes[1].machine._noting, "what is being noted")
    (noted,) = sessions(ann)
    ann.conversations()
    assert sessions(ann) == [noted]


def test_an_open_stream_is_a_use(
    people: People, solo: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CLOCK_TRUST_S", 0.0)
    machine = solo.nodes[1].machine
    wait_until(lambda: machine.time.is_sure, "a clock that is trusted")
    (ann,) = people("ann")
    stream = ann.subscribe()
    stream.wait_for(lambda: stream.heartbeats)
    (before,) = machine.state.accounts.known(ann.name).sessions
    monkeypatch.setattr(limits, "SESSION_USE_NOTED_MS", 0)

    def is_noted() -> bool:
        (session,) = machine.state.accounts.known(ann.name).sessions
        return session.used_at > before.used_at

    wait_until(is_noted, "the use of the session")

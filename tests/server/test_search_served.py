"""Searches over gRPC: who finds what, through edits of history, failovers, and a lost index."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chat.core import errors, limits
from chat.core.state.model import Message
from chat.core.state.tables.paging import make_token
from chat.rpc import chat_pb2 as pb
from chat.server.search_store import Hits, Said, SearchStore, Wanted
from tests.cluster import PASSWORD, Client, Cluster, wait_until

People = Callable[[str], list[Client]]


def search(client: Client, words: str, **fields: Any) -> list[str]:
    """Texts, the newest first, of all pages."""
    found: list[str] = []
    token = ""
    while True:
        request = pb.SearchMessagesRequest(words=words, page_token=token, **fields)
        answer = client.call("SearchMessages", request)
        found += [message.text for message in answer.messages]
        token = answer.next_page_token
        if not token:
            return found


def test_words_and_parts_of_words_whatever_their_case_and_accents(people: People) -> None:
    ann, bob = people("ann bob")
    texts = [
        "The Résumé of Zoë is in the folder", "Привет, Ёжик", "東京に行きました", "ok 👍🏽 done",
        'say "hello" AND NOT goodbye*', "a-b.c (x OR y) NEAR/3", "STRASSE", "tab\there\nand there",
        "50% of _this_ is 'quoted' ^ :text", "hi",
    ]  # fmt: skip
    for text in texts:
        ann.send(bob.name, text)
    for words, expected in (
        ("resume", [0]), ("FOLD zoe", [0]), ("zoe nobody", []), ("ежик", [1]), ("рив ЁЖ", [1]),
        ("東京", [2]), ("京に行", [2]), ("👍", [3]), ('"hello"', [4]), ("AND", [7, 4]),
        ("goodbye*", [4]), ("NOT", [4]), ("(x", [5]), ("near/3", [5]), ("straße", [6]), ("i", None),
        ("here there", [7]), ("50%", [8]), ("_this_", [8]), ("'quoted'", [8]), ("^ :text", [8]),
        (":", [8]), ("h", None), ("hi", [9, 8]), ("*", [4]), ('"', [4]), ("-", [5]),
    ):  # fmt: skip
        if expected is None:
            expected = [n for n in reversed(range(len(texts))) if words in texts[n].lower()]
        assert search(bob, words) == [texts[n] for n in expected], words
        assert search(ann, words) == [texts[n] for n in expected], words


def test_where_by_whom_and_when(people: People) -> None:
    ann, bob, cat = people("ann bob cat")
    room = f"#of-{ann.name}"
    ann.create_room(room)
    bob.join_room(room)
    one = ann.send(bob.name, "apples from ann")
    two = bob.send(ann.name, "apples from bob")
    three = cat.send(ann.name, "apples from cat")
    four = bob.send(room, "apples in the room")
    assert search(ann, "apple") == [four.text, three.text, two.text, one.text]
    assert search(ann, "apple", contact=bob.name) == [two.text, one.text]
    assert search(bob, "apple", contact=ann.name.upper()) == [two.text, one.text]
    assert search(ann, "apple", contact=room) == [four.text]
    assert search(ann, "apple", sender=bob.name) == [four.text, two.text]
    assert search(ann, "apple", sender=bob.name, contact=room) == [four.text]
    assert search(cat, "apple") == [three.text]
    assert search(cat, "apple", contact=bob.name) == []
    later = Timestamp()
    later.FromMilliseconds(three.sent_at.ToMilliseconds() + 60_000)
    assert search(ann, "apple", since=later) == []
    assert len(search(ann, "apple", until=later)) == 4
    assert len(search(ann, "apple", since=one.sent_at)) == 4
    assert search(ann, "apple", until=one.sent_at) == []


def test_pages(people: People) -> None:
    ann, bob = people("ann bob")
    texts = [f"note {number}" for number in range(25)]
    for text in texts:
        ann.send(bob.name, text)
    ann.send(bob.name, "another")
    assert search(ann, "note", page_size=10) == texts[::-1]
    assert search(ann, "note", page_size=1) == texts[::-1]
    first = ann.call("SearchMessages", pb.SearchMessagesRequest(words="note", page_size=10))
    assert len(first.messages) == 10
    assert not first.incomplete
    listed = ann.call("ReceiveMessages", pb.ReceiveMessagesRequest(contact=bob.name, page_size=1))
    for token in ("x", listed.next_page_token, make_token("search", "x 1"),
                  make_token("search", "x y 1"), make_token("search", f"x {2**70} 1")):  # fmt: skip
        with pytest.raises(errors.Invalid) as caught:
            ann.call("SearchMessages", pb.SearchMessagesRequest(words="note", page_token=token))
        assert caught.value.metadata["field"] == "page_token"


def test_a_step_that_is_small_finds_all_the_same(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = people("ann bob")
    texts = [f"step {number} {'odd' if number % 2 else 'even'}" for number in range(40)]
    for text in texts:
        ann.send(bob.name, text)
    monkeypatch.setattr(limits, "SEARCH_STEP_ROWS", 3)
    monkeypatch.setattr(limits, "SEARCH_STEP_S", 0.0)
    assert search(ann, "odd") == texts[1::2][::-1]
    monkeypatch.setattr(limits, "SEARCH_BUDGET_S", 0.0)
    assert search(ann, "od", page_size=4) == texts[1::2][::-1]


def test_long_texts_end_a_page(people: People) -> None:
    ann, bob = people("ann bob")
    texts = [f"{number} " + "long" * 4_000 for number in range(20)]
    for text in texts:
        ann.send(bob.name, text)
    answer = bob.call("SearchMessages", pb.SearchMessagesRequest(words="longlong"))
    assert 1 < len(answer.messages) < 20
    assert search(bob, "longlong") == texts[::-1]


def test_what_a_request_may_hold(people: People) -> None:
    (ann,) = people("ann")
    for field, request in (
        ("words", pb.SearchMessagesRequest()),
        ("words", pb.SearchMessagesRequest(words="   ")),
        ("words", pb.SearchMessagesRequest(words="x" * 257)),
        ("words", pb.SearchMessagesRequest(words="a\x01b")),
        ("contact", pb.SearchMessagesRequest(words="x", contact="a b")),
        ("sender", pb.SearchMessagesRequest(words="x", sender="a b")),
        ("page_size", pb.SearchMessagesRequest(words="x", page_size=-1)),
        ("since", pb.SearchMessagesRequest(words="x", since=Timestamp(seconds=2**62))),
        ("page_token", pb.SearchMessagesRequest(words="x", page_token="x")),
    ):
        with pytest.raises(errors.Invalid) as caught:
            ann.call("SearchMessages", request)
        assert caught.value.metadata["field"] == field
    with pytest.raises(errors.NoSuchUser):
        search(ann, "x", contact="nobody-of-this-name")
    with pytest.raises(errors.NoSuchRoom):
        search(ann, "x", contact="#no-room-of-this-name")
    assert search(ann, "x" * 256) == []
    assert search(ann, " ".join(f"w{number}" for number in range(60))) == []


def test_rooms_are_searched_by_their_members_from_where_they_see(people: People) -> None:
    ann, bob, cat = people("ann bob cat")
    private, opened = f"#private-{ann.name}", f"#open-{ann.name}"
    ann.create_room(private, access=pb.ACCESS_PRIVATE)
    ann.create_room(opened)
    for room in (private, opened):
        ann.send(room, f"before in {room}")
    ann.add_members(private, bob.name)
    bob.join_room(opened)
    for room in (private, opened):
        ann.send(room, f"since in {room}")
    ann.send(bob.name, "before and since between us")
    assert search(bob, "before") == [
        "before and since between us", f"before in {opened}",
    ]  # fmt: skip
    assert search(bob, "since", contact=private) == [f"since in {private}"]
    assert search(bob, "before", contact=private) == []
    assert search(bob, "in private") == [f"since in {private}"]
    assert search(cat, "in") == []
    with pytest.raises(errors.NoSuchRoom):
        search(cat, "in", contact=private)
    with pytest.raises(errors.NotAMember):
        search(cat, "in", contact=opened)
    ann.remove_member(private, bob.name)
    assert search(bob, "in private") == []
    assert len(search(ann, "in private")) == 2


def test_what_was_unsent_is_not_found_and_what_a_deleted_account_said_is(people: People) -> None:
    ann, bob = people("ann bob")
    room = f"#of-{ann.name}"
    ann.create_room(room)
    bob.join_room(room)
    gone = [ann.send(bob.name, "secret plan"), ann.send(room, "secret plan")]
    bob.send(ann.name, "secret answer")
    assert len(search(ann, "secret")) == 3
    for message in gone:
        ann.unsend(message.id)
    assert search(ann, "secret") == search(bob, "secret") == ["secret answer"]
    bob.once("DeleteAccount", pb.DeleteAccountRequest(password=PASSWORD))
    assert search(ann, "secret") == ["secret answer"]
    with pytest.raises(grpc.RpcError):
        bob.once("SearchMessages", pb.SearchMessagesRequest(words="secret"))


def test_what_was_edited_is_found_by_its_new_text_in_its_place(people: People) -> None:
    ann, bob = people("ann bob")
    room = f"#of-{ann.name}"
    ann.create_room(room)
    bob.join_room(room)
    sent = [ann.send(to, "first draft") for to in (bob.name, room)]
    ann.send(bob.name, "last words")
    for message in sent:
        edit = pb.EditMessageRequest(
            message_id=message.id, text="second words", request_id=str(uuid4())
        )
        ann.call("EditMessage", edit)
    assert search(bob, "draft") == []
    assert search(bob, "words") == ["last words", "second words", "second words"]


def test_a_new_leader_finds_all_at_once(cluster: Cluster) -> None:
    ann, bob = cluster.clients("ann", "bob")
    texts = [f"remember {number}" for number in range(30)]
    for text in texts:
        ann.send(bob.name, text)
    page = ann.call("SearchMessages", pb.SearchMessagesRequest(words="remember", page_size=10))
    cluster.kill(1)
    assert search(bob, "remember") == texts[::-1]
    request = pb.SearchMessagesRequest(words="remember", page_token=page.next_page_token)
    rest = [message.text for message in ann.call("SearchMessages", request).messages]
    assert rest[-20:] == texts[:20][::-1], "what comes twice is the newest of it at the most"
    assert len(rest) < 30


def index_of(cluster: Cluster, server_id: int) -> Path:
    return cluster.config.data_dir / f"search_{server_id}.db"


def test_an_index_is_found_again_and_goes_on_where_it_was(tmp_path: Path) -> None:
    with Cluster(tmp_path, servers=1) as cluster:
        cluster.start()
        ann, bob = cluster.clients("ann", "bob")
        first, second = (ann.send(bob.name, f"word {number}") for number in range(2))
        assert len(search(ann, "word")) == 2
        store = cluster.nodes[1].machine.index._store
        assert store is not None
        name = store.name
        ann.unsend(first.id)
        cluster.stop(1)
        cluster.start()
        assert search(ann, "word") == [second.text]
        ann.send(bob.name, "word 3")
        cluster.kill(1)
        cluster.start()
        assert search(ann, "word") == ["word 3", second.text]
        store = cluster.nodes[1].machine.index._store
        assert store is not None
        assert store.name == name, "it was not made anew"


@pytest.mark.parametrize("harm", ["deleted", "emptied", "garbage", "torn", "old", "elsewhere"])
def test_an_index_may_be_lost_or_damaged(harm: str, tmp_path: Path) -> None:
    with Cluster(tmp_path, servers=1) as cluster:
        cluster.start()
        ann, bob = cluster.clients("ann", "bob")
        texts = [f"word {number}" for number in range(100)]
        for text in texts:
            ann.send(bob.name, text)
        cluster.stop(1)
        path = index_of(cluster, 1)
        whole = path.read_bytes()
        if harm == "deleted":
            SearchStore.delete(path)
        elif harm == "emptied":
            path.write_bytes(b"")
        elif harm == "garbage":
            path.write_bytes(b"garbage" * 10_000)
        elif harm == "torn":
            path.write_bytes(whole[: len(whole) // 8192 * 4096])
        elif harm == "elsewhere":
            store = SearchStore(path)
            store.write([], [], "1000000 9 9 ")
            store.close()
        else:
            store = SearchStore(path)
            store._note("rules", "0")
            store.close()
        cluster.start()
        wait_until(lambda: search(ann, "word") == texts[::-1] if complete(ann) else None)
        ann.send(bob.name, "another word")
        assert search(ann, "another") == ["another word"]


def complete(client: Client) -> bool:
    """False also while there is no index at all."""
    try:
        return not client.once("SearchMessages", pb.SearchMessagesRequest(words="x")).incomplete
    except grpc.RpcError:
        return False


def test_an_index_that_fails_while_it_is_used_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SEARCH_RETRY_S", 0.05)
    with Cluster(tmp_path, servers=1) as cluster:
        cluster.start()
        ann, bob = cluster.clients("ann", "bob")
        ann.send(bob.name, "word one")
        assert search(ann, "word") == ["word one"]
        store = cluster.nodes[1].machine.index._store
        assert store is not None
        monkeypatch.setattr(store, "find", _malformed)
        with pytest.raises(errors.SearchUnavailable):
            search(ann, "word")
        ann.send(bob.name, "word two")
        wait_until(lambda: complete(ann), "another index")
        assert search(ann, "word") == ["word two", "word one"]


def _malformed(_wanted: Wanted) -> Generator[None, None, Hits]:
    raise sqlite3.DatabaseError("database disk image is malformed")


def test_a_disk_that_is_nearly_full_is_left_to_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SEARCH_RETRY_S", 0.05)
    with Cluster(tmp_path, servers=1) as cluster:
        cluster.start()
        ann, bob = cluster.clients("ann", "bob")
        ann.send(bob.name, "word one")
        assert search(ann, "word") == ["word one"]
        monkeypatch.setattr("chat.server.search_index.free_bytes", lambda _: 2**20)
        ann.send(bob.name, "word two")
        with pytest.raises(errors.SearchUnavailable):
            search(ann, "word")
        assert not index_of(cluster, 1).exists()
        monkeypatch.undo()
        wait_until(lambda: complete(ann), "another index")
        assert search(ann, "word") == ["word two", "word one"]


def test_without_fts5_the_chat_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.server.search_index.is_supported", lambda: False)
    with Cluster(tmp_path, servers=1) as cluster:
        cluster.start()
        ann, bob = cluster.clients("ann", "bob")
        ann.send(bob.name, "word")
        with pytest.raises(errors.SearchUnavailable, match="SQLite"):
            search(ann, "word")
        assert bob.texts(ann.name) == ["word"]


def test_a_server_that_takes_on_a_snapshot_has_an_index_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LOG_ENTRIES_KEPT", 4)
    with Cluster(tmp_path / "servers") as cluster:
        cluster.start()
        cluster.wait_for_members()
        ann, bob = cluster.clients("ann", "bob")
        texts = [f"word {number}" for number in range(30)]
        for text in texts[:10]:
            ann.send(bob.name, text)
        cluster.stop(1)
        for text in texts[10:]:
            ann.send(bob.name, text)
        for file in (tmp_path / "servers").glob("users_1.*"):
            file.unlink()  # and the index is of a log that is no more
        cluster.start(1)
        cluster.wait_for_members()
        cluster.kill(2)
        cluster.kill(3)
        wait_until(lambda: complete(ann), "an index of all")
        assert search(ann, "word") == texts[::-1]


def test_a_flood_of_messages_that_the_index_cannot_follow(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SEARCH_QUEUE_MESSAGES_MAX", 3)
    ann, bob = people("ann bob")
    texts = [f"flood {number}" for number in range(30)]
    for text in texts:
        ann.send(bob.name, text)
    wait_until(lambda: complete(ann), "an index")
    assert search(ann, "flood") == texts[::-1]


def test_what_was_read_among_the_older_ones_as_it_came_stands_in_its_place(tmp_path: Path) -> None:
    """The thread that makes the index anew reads what is said at that moment, before it is told."""
    store = SearchStore(tmp_path / "index")
    said = [
        Said("ann bob", Message(f"m{n}", "ann", "bob", "well said", 10 * n, n)) for n in range(1, 6)
    ]
    store.write(said[2:3], [], "")
    store.write_older([said[4], said[3], said[1], said[0]])
    store.end_of_older()
    store.write(said[3:], [], "")
    with pytest.raises(StopIteration) as found:
        next(store.find(Wanted(("well",), "ann", ())))
    rows = found.value.value.rows
    assert [hit.message_id for hit in rows] == ["m5", "m4", "m3", "m2", "m1"]
    store.close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has no priority of its own")
def test_the_index_is_as_urgent_as_the_loop_that_waits_for_it(solo: Cluster) -> None:
    """It holds the interpreter now and then. At a lower priority the loop waited for whatever else
    runs on the computer: for 600 ms where 25 programs did, and for 80 so."""
    thread = solo.nodes[1].machine.index._thread
    assert thread is not None
    assert thread.native_id is not None
    assert os.getpriority(os.PRIO_PROCESS, thread.native_id) == os.getpriority(
        os.PRIO_PROCESS, os.getpid()
    )

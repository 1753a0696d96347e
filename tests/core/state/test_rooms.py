"""Rooms: who is in one, what each of them sees, what waits for whom, and what is told."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from chat.core import errors, limits
from chat.core.state.chat_state import ChatState
from chat.core.state.model import Access, MessagePosted, MessageStatus, Outcome
from chat.core.state.operations.add_members import AddMembers, MembersAdded
from chat.core.state.operations.create_room import CreateRoom, RoomMade
from chat.core.state.operations.post_message import PostMessage
from chat.core.state.operations.read_messages import MessagesRead
from chat.core.state.operations.register_user import RegisterUser
from chat.core.state.operations.remove_account import RemoveAccount
from chat.core.state.operations.remove_member import MemberRemoved
from chat.core.state.operations.unsend_message import AlreadyRead, MessageUnsent, UnsendMessage
from chat.core.state.operations.update_room import RoomUpdated, UpdateRoom
from tests.core.files.documents import document_of, restored
from tests.core.state.states import add, make, make_room, post, read, remove


def update(state: ChatState, by: str, access: str = "", owner: str = "") -> Outcome:
    return state.apply(UpdateRoom("#lab", by, "", 0, access, owner, "", 7))


def texts(state: ChatState, user: str) -> list[str]:
    return [message.text for message in state.rooms.messages(user, "#lab", "", 200)[0]]


def owner(state: ChatState) -> str:
    return state.rooms.by_name["#lab"].owner


def events(state: ChatState, user: str, after: int = 0) -> list[Any]:
    return [event.kind for event in state.events.in_room(user, "#lab", after, 200)]


# --- making, joining, leaving ---------------------------------------------------------------


def test_a_room_is_made_once_and_its_maker_owns_it() -> None:
    state = make("ann", "bob")
    make_room(state, "ann")
    make_room(state, "ann")  # the same request again
    view = state.rooms.view("ann", "#lab")
    assert (view.owner, view.member_count, view.access) == ("ann", 1, Access.OPEN)
    assert events(state, "ann") == [RoomMade("ann", "topic", "open")]
    for name, skeleton in (("#lab", "another"), ("#lаb", "skeleton")):
        taken = state.apply(CreateRoom(name, "", "open", "bob", skeleton, "r", 5)).result
        assert isinstance(taken, errors.RoomNameTaken)


def test_a_name_of_an_account_is_no_name_for_a_room() -> None:
    """Of the time when names of people could begin with the mark of rooms."""
    state = make("ann", "#lab")
    taken = state.apply(CreateRoom("#lab", "", "open", "ann", "s", "r", 5)).result
    assert isinstance(taken, errors.RoomNameTaken)
    assert post(state, "m", "ann", "#lab").address == "#lab"
    assert read(state, "#lab", "ann") == 1


def test_everybody_may_join_an_open_room_and_nobody_a_private_one() -> None:
    state = make("ann", "bob", "cat")
    make_room(state, "ann")
    assert add(state, "bob", "bob") is None
    assert add(state, "bob", "bob") is None  # who is there stays as they are
    update(state, "ann", access="private")
    assert isinstance(add(state, "cat", "cat"), errors.NoSuchRoom)
    assert add(state, "bob", "cat") is None, "any member adds others"
    assert events(state, "ann")[1:] == [
        MembersAdded("bob", "bob", "ann"),
        RoomUpdated("ann", "topic", "private", "ann"),
        MembersAdded("bob", "cat", "ann"),
    ]


def test_all_are_added_or_none() -> None:
    state = make("ann", "bob", "cat", "dan")
    state.apply(RemoveAccount("dan", "hash of dan", "bye", 2))
    make_room(state, "ann")
    assert isinstance(add(state, "ann", "bob", "nobody"), errors.NoSuchUser)
    assert isinstance(add(state, "ann", "bob", "dan"), errors.RecipientDeleted)
    assert isinstance(add(state, "bob", "cat"), errors.NotAMember)
    assert state.rooms.view("ann", "#lab").member_count == 1
    told = state.apply(AddMembers("#lab", "ann", "bob ann cat bob", "r", 5)).rooms
    assert told[0].came == ("bob", "cat")
    assert told[0].event.kind == MembersAdded("ann", "bob cat", "ann")


def test_an_owner_who_leaves_passes_the_room_on() -> None:
    state = make("ann", "bob", "cat")
    make_room(state, "ann", "bob", "cat")
    assert remove(state, "ann", "ann") is None
    assert owner(state) == "bob"
    update(state, "bob", owner="cat")
    assert owner(state) == "cat"
    state.apply(RemoveAccount("cat", "hash of cat", "bye", 8))
    assert owner(state) == "bob"
    assert events(state, "bob", 2)[-1] == MemberRemoved("cat", "cat", "bob")
    remove(state, "bob", "bob")
    state.apply(RegisterUser("dan", "hash", "r", 9))
    assert add(state, "dan", "dan") is None, "an open room without anybody is still there"
    assert owner(state) == "dan"


def test_only_the_owner_removes_others_and_changes_the_room() -> None:
    state = make("ann", "bob", "cat", "dan")
    make_room(state, "ann", "bob", "cat")
    assert isinstance(remove(state, "bob", "cat"), errors.NotAnOwner)
    assert isinstance(update(state, "bob", "private").result, errors.NotAnOwner)
    assert isinstance(update(state, "ann", owner="dan").result, errors.NotAMember)
    assert isinstance(remove(state, "ann", "dan"), errors.NotAMember)
    assert isinstance(remove(state, "dan", "dan"), errors.NotAMember)
    assert remove(state, "ann", "cat") is None
    assert update(state, "ann").rooms == (), "nothing was changed, and nothing is told"


def test_a_private_room_is_as_one_that_does_not_exist() -> None:
    state = make("ann", "eve")
    make_room(state, "ann", access="private")
    for result in (
        post(state, "m", "eve", "#lab"),
        read(state, "eve", "#lab"),
        add(state, "eve", "eve"),
        remove(state, "eve", "ann"),
        update(state, "eve").result,
    ):
        assert result == errors.NoSuchRoom("There is no room of that name.")
    for ask in (
        lambda: state.rooms.view("eve", "#lab"),
        lambda: state.rooms.messages("eve", "#lab", "", 0),
        lambda: state.rooms.members_page("eve", "#lab", "", 0),
        lambda: state.rooms.conversation("eve", "#lab"),
        lambda: state.events.in_room("eve", "#lab", 0, 9),
    ):
        with pytest.raises(errors.NoSuchRoom):
            ask()
    assert state.rooms.page("eve", "*", "", 0) == ([], "")


def test_a_request_that_comes_again_has_one_effect() -> None:
    state = make("ann", "bob")
    make_room(state, "ann")
    add(state, "bob", "bob", request_id="join")
    remove(state, "bob", "bob", request_id="leave")
    assert add(state, "bob", "bob", request_id="join") is None
    assert remove(state, "bob", "bob", request_id="leave") is None
    assert state.rooms.view("ann", "#lab").member_count == 1
    assert isinstance(add(state, "bob", "ann", request_id="join"), errors.IdReused)


def test_a_room_and_a_user_have_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ROOM_MEMBERS_MAX", 2)
    monkeypatch.setattr(limits, "ROOMS_PER_USER_MAX", 1)
    state = make("ann", "bob", "cat")
    make_room(state, "ann")
    assert isinstance(add(state, "ann", "bob", "cat"), errors.RoomFull)
    add(state, "ann", "bob")
    assert isinstance(add(state, "cat", "cat"), errors.RoomFull)
    more = state.apply(CreateRoom("#more", "", "open", "bob", "more", "r", 5)).result
    assert more == errors.TooManyRooms("bob is in 1 rooms already.", username="bob")
    remove(state, "bob", "bob")
    made = state.apply(CreateRoom("#more", "", "open", "bob", "more", "r", 5)).result
    assert made == "#more"
    assert add(state, "cat", "cat") is None


# --- what is said -----------------------------------------------------------------------------


def test_who_joins_sees_all_of_an_open_room_and_of_a_private_one_what_follows() -> None:
    state = make("ann", "bob", "cat", "dan")
    make_room(state, "ann")
    post(state, "1", "ann", "#lab", "one")
    add(state, "bob", "bob")
    update(state, "ann", access="private")
    post(state, "2", "ann", "#lab", "two")
    add(state, "ann", "cat")
    post(state, "3", "ann", "#lab", "three")
    assert texts(state, "bob") == ["one", "two", "three"]
    assert texts(state, "cat") == ["three"]
    for unseen in ("2", "unknown"):
        with pytest.raises(errors.NoSuchMessage):
            state.rooms.readers_page("cat", unseen, "", 0)
    update(state, "ann", access="open")
    post(state, "4", "ann", "#lab", "four")
    add(state, "dan", "dan")
    assert texts(state, "dan") == ["four"], "what was said in private stays with who was there"
    page, token = state.rooms.messages("bob", "#lab", "", 3)
    assert [message.text for message in page] == ["two", "three", "four"]
    rest, end = state.rooms.messages("bob", "#lab", token, 3)
    assert ([message.text for message in rest], end) == (["one"], "")


def test_who_left_sees_nothing_that_comes_after() -> None:
    state = make("ann", "bob")
    make_room(state, "ann", "bob", access="private")
    post(state, "1", "ann", "#lab", "one")
    remove(state, "ann", "bob")
    post(state, "2", "ann", "#lab", "two")
    with pytest.raises(errors.NoSuchRoom):
        state.events.in_room("bob", "#lab", 3, 9)
    add(state, "ann", "bob")
    assert texts(state, "bob") == []
    with pytest.raises(errors.CursorExpired):
        state.events.in_room("bob", "#lab", 3, 9)
    assert events(state, "bob", 5) == [MembersAdded("ann", "bob", "ann")]


def test_a_message_in_a_room_is_posted_once_and_only_by_members() -> None:
    state = make("ann", "bob", "eve")
    make_room(state, "ann", "bob")
    first = post(state, "m", "ann", "#lab")
    assert (first.sequence, first.address) == (1, "#lab")
    assert post(state, "m", "ann", "#lab") == first
    assert isinstance(post(state, "m", "ann", "#lab", "other"), errors.IdReused)
    assert isinstance(post(state, "m", "ann", "bob"), errors.IdReused)
    assert isinstance(post(state, "n", "eve", "#lab"), errors.NotAMember)
    assert isinstance(post(state, "n", "ann", "#none"), errors.NoSuchRoom)
    assert events(state, "bob", 1)[-1] == MessagePosted(first)


def test_what_waits_for_whom() -> None:
    state = make("ann", "bob", "cat")
    make_room(state, "ann", "bob")
    for number, sender in enumerate(("ann", "bob", "ann", "bob", "ann")):
        post(state, f"m{number}", sender, "#lab")
    add(state, "cat", "cat")
    room = state.rooms.by_name["#lab"]
    assert [room.unread(name) for name in ("ann", "bob", "cat")] == [2, 3, 0]
    assert read(state, "bob", "#lab", 2, "r") == 2
    assert read(state, "bob", "#lab", 2, "r") == 2
    assert room.unread("bob") == 1
    assert isinstance(state.apply(UnsendMessage("m0", "ann", 8)).result, AlreadyRead)
    told = state.apply(UnsendMessage("m4", "ann", 9)).rooms[0]
    assert isinstance(told.event.kind, MessageUnsent)
    assert [room.unread(name) for name in ("ann", "bob", "cat")] == [2, 0, 0]
    page, _ = state.rooms.messages("bob", "#lab", "", 0)
    assert [m.status.value for m in page] == ["read", "unread", "read", "unread", "unsent"]
    assert page == [state.rooms.seen(message) for message in room.messages]
    assert [m.extras.read_by for m in page] == [1, 0, 1, 0, 0], "by others who were there"
    assert state.rooms.readers_page("cat", "m0", "", 0) == (["bob"], "")
    assert state.rooms.readers_page("cat", "m4", "", 0) == ([], "")
    assert read(state, "ann", "#lab") == 2
    assert restored(state.snapshot().json_lines()).rooms.by_name["#lab"].unread("ann") == 0


def test_only_the_reader_is_told_what_was_read_in_a_room() -> None:
    state = make("ann", "bob", "cat")
    make_room(state, "ann", "bob", "cat")
    post(state, "m", "ann", "#lab")
    before = state.rooms.by_name["#lab"].events.cursor
    read(state, "bob", "#lab")
    assert [e.kind for e in state.events.after("bob", 0, 9)] == [MessagesRead("bob", "#lab", 1, 1)]
    assert state.events.cursor("cat") == state.events.cursor("ann") == 0
    assert state.rooms.by_name["#lab"].events.cursor == before
    assert state.rooms.messages("ann", "#lab", "", 0)[0][0].status is MessageStatus.READ


# --- events -------------------------------------------------------------------------------------


def test_a_rooms_events_are_one_sequence_and_nobodys_own() -> None:
    state = make("ann", "bob", "cat")
    make_room(state, "ann", "bob", "cat")
    for number in range(5):
        (told,) = posted(state, number)
        assert told.event.position == 3 + number
        assert told.came == told.gone == ()
    assert [state.events.cursor(name) for name in ("ann", "bob", "cat")] == [0, 0, 0]
    assert [e.position for e in state.events.in_room("cat", "#lab", 1, 200)] == list(range(2, 8))


def test_events_of_a_room_are_kept_in_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "EVENTS_KEPT_PER_USER", 3)
    state = make("ann")
    make_room(state, "ann")
    for number in range(9):
        posted(state, number)
    end = state.rooms.view("ann", "#lab").position
    for wrong in (end - 4, end + 1):
        with pytest.raises(errors.CursorExpired):
            state.events.in_room("ann", "#lab", wrong, 9)
    kept = state.events.in_room("ann", "#lab", end - 3, 9)
    again = restored(state.snapshot().json_lines())
    assert again.events.in_room("ann", "#lab", end - 3, 9) == kept
    assert document_of(again) == document_of(state)


def posted(state: ChatState, number: int) -> Any:
    return state.apply(PostMessage(f"m{number}", "ann", "#lab", "hi", 9)).rooms


# --- lists --------------------------------------------------------------------------------------


def test_rooms_stand_among_conversations_by_their_activity() -> None:
    state = make("ann", "bob", "cat")
    post(state, "1", "bob", "ann")
    make_room(state, "ann", "bob")
    post(state, "2", "cat", "ann")
    post(state, "3", "bob", "#lab", "hi all")
    views, token = state.conversations.page("ann", "", 2, state.rooms.listed("ann"))
    assert [(view.address, view.unread_count) for view in views] == [("#lab", 1), ("cat", 1)]
    assert views[0].last_message is not None
    assert views[0].room is not None
    assert views[0].room.position == 3
    views, end = state.conversations.page("ann", token, 2, state.rooms.listed("ann"))
    assert ([view.address for view in views], end) == (["bob"], "")
    assert [view.address for view in state.conversations.page("ann", "", 0)[0]] == ["cat", "bob"]
    add(state, "ann", "cat")
    update(state, "ann", "private")
    assert remove(state, "ann", "bob") is None
    add(state, "ann", "bob")
    (view,) = (view() for _, view in state.rooms.listed("bob"))
    assert (view.last_message, view.unread_count) == (None, 0), "it was said before bob came back"


def test_rooms_are_found_by_their_names() -> None:
    state = make("ann", "bob")
    for name, access in (("#lab", "open"), ("#labour", "private"), ("#office", "open")):
        state.apply(CreateRoom(name, "", access, "ann", name, name, 4))
    assert [view.name for view in state.rooms.page("ann", "lab*", "", 0)[0]] == ["#lab", "#labour"]
    assert [view.name for view in state.rooms.page("bob", "#l*", "", 0)[0]] == ["#lab"]
    page, token = state.rooms.page("bob", "", "", 1)
    assert [view.name for view in page] == ["#lab"]
    assert [view.name for view in state.rooms.page("bob", "", token, 1)[0]] == ["#office"]
    assert state.rooms.members_page("ann", "#lab", "", 1) == (["ann"], "")


# --- what it costs -----------------------------------------------------------


@pytest.mark.parametrize("members", [2, limits.ROOM_MEMBERS_MAX])
def test_a_message_in_a_room_takes_as_little_however_many_are_in_it(members: int) -> None:
    names = [f"user{number}" for number in range(members - 1)]
    state = make("ann", *names)
    make_room(state, "ann")
    for start in range(0, len(names), 50):
        add(state, "ann", *names[start : start + 50])
    count = 2_000
    tracemalloc.start()
    try:
        for n in range(count):
            post(state, f"{n:036}", "ann", "#lab", f"{n:0100}", at=1_700_000_000_000 + n)
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used / count <= 600

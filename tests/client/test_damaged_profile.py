"""A profile whose files hold anything at all: the client starts, and says what it set aside."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from chat.client import events as ev
from chat.client.outbox import Outbox
from chat.client.session import ChatSession
from chat.client.settings import Profile
from chat.core import limits
from tests.damage import DEEP, EXTREMES, QUEUED, damage_profiles, make_profile, start_client

pytestmark = pytest.mark.usefixtures("no_syncs")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_profile(tmp_path / "profile")
    return tmp_path / "profile"


def test_some_hundred_damages(tmp_path: Path) -> None:
    damage_profiles(tmp_path, random.Random(8), times=400)


@pytest.mark.parametrize("name", ["settings.json", "drafts.json", "session.json", "device.json"])
@pytest.mark.parametrize("content", EXTREMES[:-1], ids=range(len(EXTREMES) - 1))
def test_what_is_no_object_is_set_aside_with_a_word(
    folder: Path, name: str, content: bytes
) -> None:
    (folder / name).write_bytes(content)
    profile, messages = start_client(folder)
    assert messages[0] == QUEUED[0]  # one damaged file costs nothing in the others
    aside = folder / f"{name}.damaged-1"
    if aside.exists():
        assert aside.read_bytes() == content
        assert name in profile.damage
        assert str(aside) in profile.damage
    else:
        assert content.startswith(b"{")


def test_all_that_can_be_read_of_the_outbox_waits_on(folder: Path) -> None:
    path = folder / "outbox.jsonl"
    first, *rest = path.read_bytes().splitlines(keepends=True)
    deep = b'{"do":"add","id":' + b"[" * DEEP + b"\n"
    content = b"".join([first, deep, rest[0], b"\xff\xfe\n", *rest[1:]])
    path.write_bytes(content)
    outbox = Outbox(path)
    outbox.open()
    outbox.close()
    assert [queued.id for queued in outbox.messages("ada")] == [queued.id for queued in QUEUED]
    aside = path.with_name("outbox.jsonl.damaged-1")
    assert aside.read_bytes() == content
    assert f"{len(QUEUED)} could be read" in outbox.damage
    assert str(aside) in outbox.damage


def test_drafts_are_kept_where_some_of_them_are_none(folder: Path) -> None:
    path = folder / "drafts.json"
    content = b'{"ada": {"bob": "half a sen", "cat": 7, "dan": ["a whole one"]}, "eve": null}'
    path.write_bytes(content)
    profile, _ = start_client(folder)
    assert profile.drafts("ada") == {"bob": "half a sen"}
    assert path.with_name("drafts.json.damaged-1").read_bytes() == content
    assert "drafts" in profile.damage


@pytest.mark.parametrize("name", ["settings.json", "outbox.jsonl", "outbox.jsonl.lock"])
def test_a_folder_in_the_place_of_a_file_is_set_aside(folder: Path, name: str) -> None:
    (folder / name).unlink()
    (folder / name / "something").mkdir(parents=True)
    start_client(folder)
    assert (folder / f"{name}.damaged-1" / "something").exists()


def test_so_many_copies_are_kept_and_the_oldest_goes_first(folder: Path) -> None:
    for number in range(limits.DAMAGED_FILES_KEPT_MAX + 2):
        (folder / "session.json").write_bytes(b"%d" % number)
        start_client(folder)
    kept = sorted(path.read_bytes() for path in folder.glob("session.json.damaged-*"))
    assert len(kept) == limits.DAMAGED_FILES_KEPT_MAX
    assert kept[-1] == b"%d" % (limits.DAMAGED_FILES_KEPT_MAX + 1)
    assert b"0" not in kept


def test_a_file_without_an_end_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.client.files.PROFILE_FILE_BYTES_MAX", 1000)
    (folder / "settings.json").write_bytes(b'{"theme": "dark"}' + b" " * 1000)
    profile, _ = start_client(folder)
    assert "settings.json" in profile.damage


def test_the_person_is_told_once_in_one_go(folder: Path) -> None:
    for name in ("session.json", "outbox.jsonl"):
        (folder / name).write_bytes(b"garbage\n")
    for expected in (1, 0):
        published: list[ev.ClientEvent] = []
        profile = Profile(folder)
        profile.start()
        session = ChatSession(["127.0.0.1:1"], folder, published.append, profile)
        session.start()
        session.close()
        profile.stop()
        told = [event for event in published if isinstance(event, ev.DamageFound)]
        assert len(told) == expected
        assert all("session.json" in each.message for each in told)
        assert all("outbox.jsonl" in each.message for each in told)
    shutil.rmtree(folder)

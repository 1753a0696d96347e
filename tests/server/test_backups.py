"""Copies of everything, taken while the servers serve: whole, checked, restored, exported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from chat.core.files.document import Header, document_lines
from tests.admin import Admin
from tests.cluster import Cluster
from tests.core.state.states import make, post

ROOT = Path(__file__).resolve().parent.parent.parent


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture
def admin(cluster: Cluster, tmp_path: Path) -> Admin:
    return Admin(cluster, tmp_path)


def copy_of(admin: Admin, folder: Path) -> Path:
    return Path(admin.document("backup", str(folder))["file"])


def test_a_copy_is_taken_while_people_write(cluster: Cluster, admin: Admin, tmp_path: Path) -> None:
    ada, _grace = cluster.clients("ada", "grace")
    for number in range(20):
        ada.send("grace", f"before {number}")
    ended = threading.Event()

    def write() -> None:
        number = 0
        while not ended.is_set():
            ada.send("grace", f"meanwhile {number}")
            number += 1

    writing = threading.Thread(target=write)
    writing.start()
    copies = tmp_path / "copies"
    for _ in range(3):
        found = admin.document("backup", str(copies))
        assert found["messages"] >= 20
    ended.set()
    writing.join()
    (*_, newest) = found = admin.document("verify", str(copies))
    assert [each["error"] for each in found] == [""] * len(found)
    exported = admin.well("export", "ada", "--json", "--from", newest["file"])
    texts = [json.loads(line)["text"] for line in exported.splitlines()]
    meanwhile = len(texts) - 20
    assert texts == [
        *(f"before {n}" for n in range(20)), *(f"meanwhile {n}" for n in range(meanwhile)),
    ]  # fmt: skip
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in copies.iterdir())
    assert not list(copies.glob("*coming*"))


def test_all_is_restored_where_all_is_lost(cluster: Cluster, admin: Admin, tmp_path: Path) -> None:
    ada, grace = cluster.clients("ada", "grace")
    ada.create_room("#lab")
    ada.send("grace", "kept")
    copy = copy_of(admin, tmp_path / "copies")
    ada.send("grace", "after the copy")
    cluster.kill(1, 2, 3)
    folder = cluster.config.data_dir
    for path in folder.glob("users_*"):
        path.unlink()
    done = admin.document("restore", str(copy))
    assert (done["server"], done["messages"], done["rooms"]) == (1, 1, 1)
    assert admin("restore", str(copy)).status == 1, "it writes over nothing"
    cluster.start(1, force_new_view=True)
    cluster.start(2, 3)
    cluster.wait_for_members(1, 2, 3)
    grace.login()
    assert grace.texts("ada") == ["kept"]
    ada.login()
    ada.send("grace", "goes on")
    cluster.kill(1, 2)
    assert cluster.wait_for_members(3) == 3
    assert grace.texts("ada") == ["kept", "goes on"]


def test_one_restored_while_others_serve_only_catches_up(
    cluster: Cluster, admin: Admin, tmp_path: Path
) -> None:
    ada, grace = cluster.clients("ada", "grace")
    ada.send("grace", "one")
    copy = copy_of(admin, tmp_path / "copies")
    ada.send("grace", "two")
    cluster.kill(1)
    cluster.wait_for_members(2, 3)
    ada.send("grace", "three")
    for path in cluster.config.data_dir.glob("users_1.*"):
        path.unlink()
    admin.well("restore", str(copy))
    cluster.start(1)
    cluster.wait_for_members(1, 2, 3)
    cluster.kill(2, 3)
    assert cluster.wait_for_members(1) == 1
    assert grace.texts("ada") == ["one", "two", "three"]


def test_data_is_checked_and_nothing_is_written(
    cluster: Cluster, admin: Admin, tmp_path: Path
) -> None:
    ada, _grace = cluster.clients("ada", "grace")
    ada.send("grace", "hi")
    folder = cluster.config.data_dir
    done = admin("verify", str(folder))
    assert done.status == 1
    assert done.said.count("runs with it: stop it first, or take a backup") == 3
    cluster.stop(1, 2, 3)
    before = files(folder)
    found = admin.document("verify", str(folder))
    assert [(each["error"], each["people"]) for each in found] == [("", 2)] * 3
    # Nobody has told their disks yet that the last entry was committed.
    assert all(each["messages"] or each["uncommitted"] for each in found)
    assert files(folder) == before
    journal = folder / "users_2.journal"
    data = bytearray(journal.read_bytes())
    data[len(data) // 2] ^= 1
    journal.write_bytes(data)
    done = admin("verify", str(folder))
    assert (done.status, done.said.count("whole, up to entry")) == (1, 2)
    assert "users_2.journal line" in done.said
    assert files(folder) == {**before, "users_2.journal": bytes(data)}


def test_a_damaged_copy_is_refused(cluster: Cluster, admin: Admin, tmp_path: Path) -> None:
    ada, _grace = cluster.clients("ada", "grace")
    ada.send("grace", "hi")
    copy = copy_of(admin, tmp_path / "copies")
    whole = copy.read_bytes()
    for at in (5, len(whole) // 2, len(whole) - 5):
        copy.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        for command in ("verify", "restore"):
            done = admin(command, str(copy))
            assert (done.status, "line" in done.said + done.error) == (1, True)
    copy.write_bytes(whole[: len(whole) // 2])
    assert admin("verify", str(copy)).status == 1
    for path in (tmp_path / "nothing", tmp_path):
        assert admin("restore", str(path)).status == 1
        assert admin("verify", str(path)).status == 1


def test_what_was_said_is_exported(cluster: Cluster, admin: Admin, tmp_path: Path) -> None:
    ada, grace = cluster.clients("ada", "grace")
    ada.create_room("#lab")
    ada.add_members("#lab", "grace")
    ada.send("grace", "two\nlines \u202e")
    unsent = ada.send("grace", "never mind")
    ada.unsend(unsent.id)
    ada.send("#lab", "mine")
    grace.send("#lab", "hers")
    lines = [json.loads(line) for line in admin.well("export", "ada", "--json").splitlines()]
    assert [(each["conversation"], each["from"], each["text"]) for each in lines] == [
        ("grace", "ada", "two\nlines \u202e"), ("grace", "ada", ""), ("#lab", "ada", "mine"),
    ]  # fmt: skip
    assert [each["unsent"] for each in lines] == [False, True, False]
    said = admin.well("export", "ada").splitlines()
    assert said[0].endswith("  grace  ada: two / lines \N{REPLACEMENT CHARACTER}")
    assert said[1].endswith("(unsent)")
    room = admin.well("export", "#lab").splitlines()
    assert [line.rpartition(": ")[2] for line in room] == ["mine", "hers"]
    for nobody in ("#nowhere", "nobody"):
        done = admin("export", nobody)
        assert (done.status, done.said) == (1, "")


def test_where_nobody_serves_there_is_no_copy(
    cluster: Cluster, admin: Admin, tmp_path: Path
) -> None:
    cluster.stop(1, 2, 3)
    done = admin("backup", str(tmp_path / "copies"))
    assert (done.status, "No server leads" in done.error) == (1, True)
    assert list((tmp_path / "copies").iterdir()) == []


def test_no_line_is_lost_however_many_there_are(tmp_path: Path) -> None:
    state = make("ann", "bob")
    for number in range(30_000):
        post(state, f"m{number}", "ann", "bob", f"text {number}")
    copy = tmp_path / "chat-at-entry-30002.json"
    copy.write_bytes(b"".join(document_lines(Header(1), state.snapshot().json_lines())))
    command = [sys.executable, "-m", "chat.admin", "export", "ann", "--from", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.rpartition(": ")[2] for line in done.stdout.splitlines()] == [
        f"text {number}" for number in range(30_000)
    ]


def test_the_audit_tells_who_took_a_copy_and_of_whom(solo: Cluster, tmp_path: Path) -> None:
    admin, name = Admin(solo, tmp_path), solo.client("copied").name
    admin.well("backup", str(tmp_path / "copies"), "--by", "root at work")
    admin("export", name, "--by", "an auditor")
    newest, before = admin.document("audit", "--limit", "2")
    assert (before["by"], before["action"], before["about"]) == ("root at work", "TakeCopy", "all")
    assert (newest["by"], newest["action"], newest["about"]) == ("an auditor", "TakeCopy", name)

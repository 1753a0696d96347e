"""The outbox on disk: order, restarts, torn tails, two clients, a full disk."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from chat.client.acts import Queued
from chat.client.outbox import Outbox, OutboxError, ProfileInUse


def queued(number: int, owner: str = "ada", address: str = "bob") -> Queued:
    return Queued(f"id-{number}", owner, address, f"text {number}\n\u2713\ud83d", float(number))


class Opener:
    """Opens outboxes and closes them after the test."""

    def __init__(self) -> None:
        self.outboxes: list[Outbox] = []

    def __call__(self, path: Path) -> Outbox:
        outbox = Outbox(path)
        outbox.open()
        self.outboxes.append(outbox)
        return outbox


@pytest.fixture
def opened() -> Iterator[Opener]:
    opener = Opener()
    yield opener
    for outbox in opener.outboxes:
        outbox.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "profile" / "outbox.jsonl"


def test_what_earlier_clients_left_waits_on(opened: Opener, path: Path) -> None:
    path.parent.mkdir()
    path.write_text(
        '{"outbox":1}\n{"do":"add","id":"id-7","owner":"ada","contact":"bob",'
        '"text":"hi","queued_at":7.5,"failure":""}\n'
    )
    outbox = opened(path)
    assert outbox.messages("ada") == (Queued("id-7", "ada", "bob", "hi", 7.5),)
    outbox.add(queued(8))
    assert path.read_text().count('"contact":"bob"') == 2, "and they could read what is written now"


def test_messages_survive_a_restart_in_order(opened: Opener, path: Path) -> None:
    outbox = opened(path)
    for number in range(5):
        outbox.add(queued(number))
    outbox.remove("id-1")
    outbox.fail("id-2", "bob has deleted their account; the message was not sent.")
    expected = outbox.messages("ada")
    outbox.close()
    again = opened(path)
    assert again.messages("ada") == expected
    assert [message.id for message in expected] == ["id-0", "id-2", "id-3", "id-4"]
    assert expected[1].failure.startswith("bob has deleted")
    again.retry("id-2")
    again.close()
    assert all(not message.failure for message in opened(path).messages("ada"))


def test_each_user_of_a_profile_sees_only_their_own(opened: Opener, path: Path) -> None:
    outbox = opened(path)
    outbox.add(queued(1))
    outbox.add(queued(2, owner="eve"))
    assert [message.id for message in outbox.messages("eve")] == ["id-2"]


def test_files_are_private(opened: Opener, path: Path) -> None:
    opened(path).add(queued(1))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_disk_is_synced_before_add_returns(
    opened: Opener, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = opened(path)
    sizes: list[int] = []
    sync = os.fsync

    def fsync(descriptor: int) -> None:
        sizes.append(os.fstat(descriptor).st_size)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    outbox.add(queued(1))
    assert sizes == [path.stat().st_size]


@pytest.mark.parametrize("cut", [1, 2, 10, 40])
def test_a_torn_tail_costs_only_itself(opened: Opener, path: Path, cut: int) -> None:
    outbox = opened(path)
    outbox.add(queued(1))
    outbox.add(queued(2))
    outbox.close()
    os.truncate(path, path.stat().st_size - cut)
    again = opened(path)
    assert again.messages("ada") == (queued(1),)
    again.add(queued(3))
    again.close()
    assert opened(path).messages("ada") == (queued(1), queued(3))


def test_damage_in_the_middle_loses_no_other_line(opened: Opener, path: Path) -> None:
    outbox = opened(path)
    outbox.add(queued(1))
    outbox.close()
    content = path.read_bytes()
    path.write_bytes(b"\x00\xff nonsense\n" + content)
    assert opened(path).messages("ada") == (queued(1),)
    assert path.with_name("outbox.jsonl.damaged-1").read_bytes().startswith(b"\x00\xff")


def test_a_newer_format_is_refused_and_kept(opened: Opener, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b'{"outbox":2}\n')
    with pytest.raises(OutboxError, match="newer version"):
        Outbox(path).open()
    assert path.read_bytes() == b'{"outbox":2}\n'


def test_a_second_client_is_told_so(opened: Opener, path: Path) -> None:
    first = opened(path)
    with pytest.raises(ProfileInUse):
        Outbox(path).open()
    first.close()
    opened(path).close()


def test_a_full_disk_changes_nothing(
    opened: Opener, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = opened(path)
    outbox.add(queued(1))

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            outbox.add(queued(2))
    assert outbox.messages("ada") == (queued(1),)
    outbox.add(queued(3))
    outbox.close()
    assert opened(path).messages("ada") == (queued(1), queued(3))


def test_an_acknowledged_message_is_gone_though_the_disk_is_full(
    opened: Opener, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be sent again and again, else."""
    outbox = opened(path)
    outbox.add(queued(1))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("chat.client.outbox._write_all", full)
        outbox.acknowledged("id-1")
    assert outbox.messages("ada") == ()
    outbox.add(queued(2))
    assert outbox.messages("ada") == (queued(2),)


def test_history_does_not_grow_for_ever(opened: Opener, path: Path) -> None:
    outbox = opened(path)
    for number in range(400):
        outbox.add(queued(number))
        outbox.remove(f"id-{number}")
    assert path.read_bytes().count(b"\n") < 300


def test_half_a_write_is_no_write(opened: Opener, path: Path) -> None:
    """An almost full disk takes a part of a line, without an error, and then nothing."""

    class AlmostFull(io.FileIO):
        room = 10

        def write(self, content: bytes) -> int:  # type: ignore[override]
            if not self.room:
                raise OSError(errno.ENOSPC, "No space left on device")
            taken = super().write(bytes(content)[: self.room])
            self.room -= taken
            return taken

    outbox = opened(path)
    outbox.add(queued(1))
    outbox._close_file()
    outbox._file = AlmostFull(path, "ab")
    with pytest.raises(OSError, match="No space"):
        outbox.add(queued(2))
    outbox.add(queued(3))
    outbox.close()
    assert opened(path).messages("ada") == (queued(1), queued(3))


def test_a_forgotten_owner_leaves_no_line(opened: Opener, path: Path) -> None:
    outbox = opened(path)
    outbox.add(queued(1))
    outbox.add(queued(2, owner="eve"))
    outbox.forget("ada")
    assert b"ada" not in path.read_bytes()
    assert outbox.messages("eve") == (queued(2, owner="eve"),)


def test_what_was_sent_leaves_the_file_at_the_end(opened: Opener, path: Path) -> None:
    outbox = opened(path)
    outbox.add(queued(1))
    outbox.add(queued(2))
    outbox.remove("id-1")
    outbox.close()
    assert b"text 1" not in path.read_bytes()
    assert opened(path).messages("ada") == (queued(2),)


def test_a_full_outbox_says_what_to_do(
    opened: Opener, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.client.outbox.OUTBOX_MESSAGES_MAX", 3)
    outbox = opened(path)
    for number in range(3):
        outbox.add(queued(number))
    with pytest.raises(OutboxError, match="3 messages are already waiting"):
        outbox.add(queued(3))

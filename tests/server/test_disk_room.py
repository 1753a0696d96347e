"""That a disk will be full is said beforehand: once, and to whoever looks at the servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat.core import limits
from chat.server import machine
from chat.server.disk_room import DiskRoom
from tests.admin import Admin
from tests.cluster import Cluster, wait_until

HOUR_S, DAY_S, GIB = 3600.0, 24 * 3600.0, 1 << 30


def watched(*free_gib: float, room: DiskRoom | None = None) -> DiskRoom:
    """So much was free at each hour."""
    room = room or DiskRoom()
    for hour, free in enumerate(free_gib):
        room.look(int(free * GIB), 0, hour * HOUR_S)
    return room


def test_what_goes_steadily_is_told_days_ahead() -> None:
    room = watched(*(100 - hour for hour in range(25)))
    days = room.days_left()
    assert days is not None
    assert days == pytest.approx(76 / 24, abs=0.01)
    assert room.trouble == "a disk that is full in about 3 days if that goes on: 76.0 GiB are left"


@pytest.mark.parametrize(
    "free",
    [
        [100.0],
        [100.0 - hour for hour in range(6)],  # five hours are no trend
        [100.0] * 48,
        [100.0 + hour for hour in range(48)],
        [100.0] * 24 + [40.0] * 48,  # somebody's large copy
        [2000.0 - hour for hour in range(48)],  # years are left
    ],
    ids=["one look", "too short", "as before", "more", "at once", "slow"],
)
def test_what_is_no_pace_is_not_taken_for_one(free: list[float]) -> None:
    assert watched(*free).trouble == ""


def test_what_is_written_beside_a_file_is_no_pace() -> None:
    room = DiskRoom()
    for look in range(48 * 60):  # each minute; at its end each hour has a file twice
        room.look((20 if look % 60 == 59 else 60) * GIB, 0, look * 60.0)
    assert room.trouble == ""


def test_it_is_said_once_and_when_it_is_over() -> None:
    room, low = DiskRoom(), limits.DISK_LOW_BYTES - 1
    assert room.look(50 * GIB, 0, 0.0) == ""
    assert room.look(low, 0, 60.0) == "has a disk that is nearly full: 1.0 GiB are left"
    assert room.look(low - 5, 0, 120.0) == ""
    assert room.look(50 * GIB, 0, 180.0) == "has a disk with room again"
    assert room.trouble == ""


def test_a_file_that_could_not_be_written_anew_makes_a_disk_low() -> None:
    room = DiskRoom()
    room.look(7 * GIB, 4 * GIB, 0.0)
    assert room.trouble.startswith("a disk that is nearly full")


def test_a_week_is_remembered() -> None:
    room = watched(*([500.0] * 500))
    assert len(room._hours) == limits.DISK_HOURS_KEPT


def test_status_tells_of_every_servers_disk(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The leader hears of the others' by their pings, and the window as well."""
    admin = Admin(cluster, tmp_path)
    assert not any("nearly full" in each["note"] for each in admin.document("status")["servers"])
    monkeypatch.setattr(machine, "free_bytes", lambda _folder: 64 * 1024 * 1024)
    monkeypatch.setattr(limits, "DISK_LOOK_S", 0.05)
    for node in cluster.nodes.values():
        node.machine._look_at_room_at = 0.0

    def told() -> bool:
        notes = [each["note"] for each in admin.document("status")["servers"]]
        return all(
            f"server {number} has a disk that is nearly full: 0.1 GiB are left" in note
            for number, note in enumerate(notes, 1)
        )

    wait_until(told)
    assert cluster.client("ada").name == "ada", "it serves as before"

"""Readings: how a server is at this moment, in numbers for metrics. Runs on the loop's thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from chat.core.replication.messages import ReplicaStatus
from chat.server.metrics import Reading

if TYPE_CHECKING:
    from chat.server.machine import Machine


def readings(machine: Machine, now: float, longest_gap_ms: Callable[[], int]) -> list[Reading]:
    """`now` in seconds of the machine's clock."""
    return [
        *_of_the_view(machine),
        *_of_members(machine, now),
        *_of_load(machine),
        *_of_the_store(machine),
        _one("chat_loop_longest_gap_seconds", "The longest pause of the event loop in the last "
             "minute.", longest_gap_ms() / 1_000),
    ]  # fmt: skip


def _one(name: str, text: str, value: float, *, counts: bool = False) -> Reading:
    return Reading(name, text, [("", value)], counts=counts)


def _of_the_view(machine: Machine) -> list[Reading]:
    report = machine.picture().own
    role = "leader" if machine.replica.leads else {
        ReplicaStatus.ACTIVE: "backup",
        ReplicaStatus.RECOVERING: "recovering",
        ReplicaStatus.OUT: "out",
    }[report.status]  # fmt: skip
    roles = [(each, float(each == role)) for each in ("leader", "backup", "recovering", "out")]
    return [
        Reading("chat_role", "1 for what this server is.", roles, "role"),
        _one("chat_view", "The number of its view: it grows by each election.",
             report.installed.number.number),
        _one("chat_led", "How often it came to lead since its start.", machine.times_led,
             counts=True),
        _one("chat_log_index", "The newest entry of its log.", report.last.index),
        _one("chat_commit_index", "The newest entry that is on every member's disk.",
             report.commit),
    ]  # fmt: skip


def _of_members(machine: Machine, now: float) -> list[Reading]:
    """The lag of the others, as they told of themselves."""
    picture = machine.picture()
    known = {str(number): heard for number, heard in picture.heard.items()}
    commit = picture.own.commit
    return [
        Reading("chat_peer_lag_entries", "How many committed entries another server lacks.",
                [(number, max(0, commit - one.report.last.index)) for number, one in known.items()],
                "server"),
        Reading("chat_peer_heard_seconds", "How long ago it was heard.",
                [(number, now - one.at) for number, one in known.items()], "server"),
    ]  # fmt: skip


def _of_load(machine: Machine) -> list[Reading]:
    return [
        _one("chat_streams", "Live streams.", len(machine.feed)),
        _one("chat_writes_in_hand", "Writes that are not confirmed.", machine.writes_in_hand),
        _one("chat_accounts", "Accounts.", len(machine.state.accounts)),
    ]


def _of_the_store(machine: Machine) -> list[Reading]:
    figures = machine.store.figures()
    return [
        Reading("chat_store_bytes", "The files with the data.",
                [("state", figures.file_bytes), ("journal", figures.journal_bytes)], "file"),
        _one("chat_store_queued_bytes", "What waits for the disk.", figures.queued_bytes),
        _one("chat_store_syncs", "How often the journal was synced.", figures.syncs, counts=True),
        _one("chat_store_folds", "How often the state was written anew.", figures.folds,
             counts=True),
        _one("chat_store_fold_seconds", "How long that took the last time.", figures.fold_s),
        _one("chat_store_open_seconds", "How long reading the data took at the start.",
             figures.open_s),
    ]  # fmt: skip

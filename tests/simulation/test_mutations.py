"""Each rule of the protocol is needed: without it, the simulator sees a promise broken.

A rule is caught by a seed of the random schedules or by a written one. `CAUGHT_BY` is
what docs/PROTOCOL.md prints.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Union

import pytest

from tests.simulation import changes, half_done, late_words, partings, put_back, schedules
from tests.simulation.mutations import MUTATIONS, mutated
from tests.simulation.simulation import replay

Schedule = Union[int, Callable[[], None]]

CAUGHT_BY: dict[str, Schedule] = {
    "every member acknowledges": 4,
    "acknowledged only when synced": schedules.a_majority_loses_power_while_its_disks_are_slow,
    "the leader has it on its own disk": schedules.the_last_one_loses_power_before_it_synced,
    "an older view's Append is refused": 981,
    "proof without standing is in doubt": 646,
    "a newcomer may have left me behind": schedules.one_wakes_up_whose_view_has_grown,
    "so may those that a cold start brings back": late_words.one_wakes_up_whose_view_began_anew,
    "so may one with whom my view left out": (
        half_done.one_of_a_view_went_on_with_who_was_left_out
    ),
    "a guest may have been left behind by anybody": (
        half_done.one_goes_on_without_whom_it_has_promised_to_let_in
    ),
    "a view is started once": late_words.a_leader_is_told_once_more_to_start,
    "a number is of one view": late_words.two_attempts_of_one_proposer,
    "a late joiner is silent before it votes": late_words.a_joiner_installs_an_older_view,
    "whoever relies on a voter is asked about": half_done.a_voter_has_promised_the_base,
    "a word refutes a death": half_done.a_refusal_and_a_stream_that_broke_by_chance,
    "doubt about a minority is none": schedules.one_of_two_wakes_up_when_the_other_is_dead,
    "standing ends before a vote": 565,
    "vouching ends with a promise": schedules.a_promise_outlasts_the_shunning,
    "a voter is silent before it votes": (
        schedules.a_backup_would_leave_out_a_leader_that_it_cannot_hear
    ),
    "silence is not death": 2,
    "proof or a majority": 2,
    "a new process is no member": 0,
    "a third shuns one of two that are cut off": (
        schedules.the_leader_and_a_backup_do_not_hear_each_other
    ),
    "serving ends with a promise": 0,
    "a promise is synced": schedules.a_promise_is_newer_than_every_installed_view,
    "the best log wins": 97,
    "the newest view's log is the best": schedules.an_old_leader_has_the_longest_log,
    "all install before one serves": 15,
    "a joiner is told last": schedules.a_joiner_hears_before_an_old_member,
    "a joiner that was not told votes": 591,
    "a joiner that was not told leads no change": (
        schedules.a_snapshot_comes_after_the_view_it_was_for
    ),
    "nobody adds itself": schedules.one_that_was_left_out_asks_to_lead,
    "who is left out is told": 20,
    "who is left out is told before a cold start": (
        schedules.one_that_was_left_out_gets_no_answers
    ),
    "a cold start waits for everyone named": 4,
    "a blank disk only joins": half_done.a_blank_disk_would_vote,
    "one that was being let in is awaited and counts": half_done.all_die_as_a_blank_one_is_let_in,
    "one that only asked to be let in does not count": half_done.a_blank_disk_asks_an_old_leader,
    "a folder is the one that was seen": put_back.a_cluster_would_begin_anew_on_empty_folders,
    "what was seen is written down": put_back.a_folder_that_was_put_back_would_vote,
    "all others are asked before one begins": put_back.a_folder_of_when_it_was_alone_is_put_back,
    "what any voter saw counts": put_back.only_a_voter_has_seen_more,
    "one that was let in since counts": put_back.a_new_disk_that_was_let_in_counts,
    "a new time is said twice": late_words.the_dead_had_a_wrong_clock_and_then_another_has,
    "a cold start counts newer promises": (schedules.a_promise_is_newer_than_every_installed_view),
    "a restarted voter of a majority waits": (
        schedules.restarted_voters_forget_whom_they_vouched_for
    ),
    "no vote for a cold start while one leads": schedules.a_restarted_server_hears_only_a_backup,
    "a stranded leader makes way": schedules.the_only_other_one_restarts,
    "a cluster has one id": schedules.the_first_view_is_half_installed,
    "a new view waits until all are sure": schedules.all_but_one_are_killed_as_a_view_serves,
    "a proof counts at every member": schedules.the_proofs_are_at_another_member,
    "nobody is believed dead who is heard": schedules.one_firewall_refuses_for_the_leader,
    "the proposer promises last": schedules.one_firewall_refuses_for_the_leader,
    "only who hears the leader is let in": schedules.a_newcomer_does_not_hear_the_leader,
    "a hung disk lets the other go on": schedules.the_disk_of_one_of_the_last_two_stands_still,
    "reads need standing": 256,
    "reads by majority need a majority": schedules.the_other_majority_begins_anew,
    "a request counts once": 22,
    "a late snapshot is not adopted": schedules.a_snapshot_comes_after_the_view_it_was_for,
    "all rests while a snapshot is adopted": (
        schedules.a_view_is_formed_while_a_snapshot_is_taken_on
    ),
    "a snapshot takes back no entry": late_words.a_snapshot_ends_before_the_log_does,
    "who is let in waits for no snapshot": late_words.a_snapshot_comes_to_one_that_is_let_in,
    "an old list counts until the new one is installed": changes.one_has_only_promised_the_change,
    "who is to leave agrees": changes.one_that_is_to_leave_has_not_agreed,
    "who agreed to leave leads no change": changes.one_that_agreed_to_leave_wakes_up,
    "who is to be new begins nothing": changes.those_that_are_to_be_new_hear_nobody,
    "who is to be new catches up first": changes.new_ones_never_come,
    "a cold start goes by the newest list": changes.all_die_as_one_that_was_away_comes_back,
    "two histories never mix": partings.a_folder_of_before_is_put_back_and_goes_on_alone,
    "the odd one stands aside": partings.all_refuse_each_other_and_each_goes_on_alone,
}


def run(schedule: Schedule) -> None:
    if callable(schedule):
        schedule()
    else:
        replay(schedule)


@pytest.mark.parametrize("rule", MUTATIONS)
def test_without_the_rule_a_promise_is_broken(rule: str) -> None:
    # Whatever fails, be it the oracle, an invariant of the core or the store, is a catch.
    with mutated(rule), pytest.raises((AssertionError, ValueError)):
        run(CAUGHT_BY[rule])


def test_every_rule_has_its_schedule() -> None:
    assert set(CAUGHT_BY) == set(MUTATIONS)


def test_the_document_says_what_catches_each_rule() -> None:
    document = (Path(__file__).parents[2] / "docs" / "PROTOCOL.md").read_text(encoding="utf-8")
    for rule, schedule in CAUGHT_BY.items():
        name = f"`{schedule.__name__}`" if callable(schedule) else f"seed {schedule}"
        assert f"| {rule} | {name} |" in document


@pytest.mark.parametrize("rule", MUTATIONS)
def test_with_the_rule_the_same_schedule_is_right(rule: str) -> None:
    run(CAUGHT_BY[rule])

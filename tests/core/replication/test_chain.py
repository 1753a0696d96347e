"""The chain of hashes over the log, and how it begins in a log that was written without one."""

from __future__ import annotations

from chat.core.files.journal import decode_record, encode_record
from chat.core.replication import chain
from chat.core.replication.leadership import ViewNumber
from chat.core.replication.log import Log
from chat.core.replication.messages import Durable, Entry, EntryRecord, Position
from chat.core.state.form import operation_text
from chat.core.state.operations.post_message import PostMessage

VIEW = ViewNumber(1, 1)


def post(number: int) -> PostMessage:
    return PostMessage(f"m{number}", "ada", "grace", "hello", number)


def test_links_differ_from_the_first_entry_that_does() -> None:
    root = chain.origin(0, ViewNumber(0, 0))
    text = operation_text(post(1))
    one = chain.extend(root, 1, VIEW, text)
    other = chain.extend(root, 1, VIEW, operation_text(post(2)))
    assert chain.differ(one, other)
    assert chain.differ(chain.extend(one, 2, VIEW, text), chain.extend(other, 2, VIEW, text))
    assert not chain.differ(one, chain.extend(root, 1, VIEW, text))


def test_unknown_links_and_those_of_other_beginnings_prove_nothing() -> None:
    one, other = (chain.origin(index, VIEW) for index in (3, 4))
    assert not chain.differ(one, other)
    assert not chain.differ(one, chain.UNKNOWN)
    assert chain.extend(chain.UNKNOWN, 1, VIEW, "") == chain.UNKNOWN


def test_a_log_without_links_learns_them_from_where_a_view_begins() -> None:
    entries = tuple(Entry(index, VIEW, post(index)) for index in (6, 7))
    log = Log(Durable(entries=entries, base=Position(5, VIEW), last=entries[-1].position, commit=5))
    log.know(Position(6, VIEW, chain.origin(6, VIEW)))
    expected = chain.extend(chain.origin(6, VIEW), 7, VIEW, operation_text(post(7)))
    assert log.last.link == expected
    assert [entry.index for entry in log.after(5, 7, 9) or ()] == [6, 7]


def test_a_record_keeps_the_link_and_one_of_before_has_none() -> None:
    entry = Entry(1, VIEW, post(1), chain.origin(1, VIEW))
    line = encode_record(EntryRecord(entry, 0))
    read = decode_record(line)
    assert isinstance(read, EntryRecord)
    assert read.entry.link == entry.link
    before = decode_record(encode_record(EntryRecord(Entry(1, VIEW, post(1)), 0)))
    assert isinstance(before, EntryRecord)
    assert before.entry.link == chain.UNKNOWN


def test_the_log_keeps_no_text_of_what_is_committed() -> None:
    log = Log(Durable())
    log.append([Entry(n, VIEW, post(n), text=operation_text(post(n))) for n in (1, 2)])
    (first,) = log.advance(1)
    (second,) = log.after(1, 2, 9) or ()
    assert (first.text, second.text) == ("", operation_text(post(2)))
    assert first.written() == operation_text(post(1))

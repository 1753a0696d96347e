"""Journal records: every one reads back, every prefix recovers, every flipped byte is noticed."""

from __future__ import annotations

import io
import zlib

import pytest

from chat.core.files.document import Header, NewerFormat, document_lines, read_document
from chat.core.files.journal import (
    JournalDamaged,
    JournalReader,
    LogImage,
    decode_line,
    decode_record,
    encode_line,
    encode_record,
)
from chat.core.files.lines import DocumentDamaged
from chat.core.replication.leadership import ChangeKind, View, ViewNumber
from chat.core.replication.messages import (
    Durable,
    Entry,
    EntryRecord,
    InstallRecord,
    OutRecord,
    Position,
    PromiseRecord,
    Record,
)
from chat.core.state.chat_state import ChatState
from chat.core.state.operations.post_message import PostMessage
from chat.core.state.operations.register_user import RegisterUser

ONE = ViewNumber(1, 1)
VIEW = View(ONE, {1: 2**63 + 5, 2: 7}, "c1")
NEXT = View(ViewNumber(2, 2), {2: 7}, "c1")


def entry(index: int, view: ViewNumber = ONE) -> Entry:
    return Entry(index, view, PostMessage(f"m{index}", "ann", "bob", 'hé\u2028\n"\\', 5))


def records() -> list[Record]:
    return [
        PromiseRecord(VIEW, ChangeKind.COLD),
        InstallRecord(VIEW, ChangeKind.COLD, Position(), 0),
        *(EntryRecord(entry(index), index - 1) for index in range(1, 6)),
        PromiseRecord(NEXT, ChangeKind.SHRINK),
        InstallRecord(NEXT, ChangeKind.SHRINK, Position(5, ONE), 5),
        OutRecord(ViewNumber(3, 1)),
    ]


def journal() -> bytes:
    return b"".join(map(encode_record, records()))


@pytest.mark.parametrize("record", records(), ids=lambda record: type(record).__name__)
def test_a_record_is_one_line_and_reads_back(record: Record) -> None:
    line = encode_record(record)
    assert line.count(b"\n") == 1
    assert decode_record(line) == record


def test_a_line_without_an_end_of_brackets_is_refused() -> None:
    deep = b'"record":' + b"[" * 100_000
    line = b'{"crc":"%08x",%s\n' % (zlib.crc32(deep), deep)
    with pytest.raises(ValueError, match="nested too deeply"):
        decode_record(line)


ENTRY = b'"record":"entry","index":7,"view":[1,2],"operation":{"do":"Nothing"},"commit":6}'


@pytest.mark.parametrize(
    ("of", "to", "reason"),
    [
        (b"7", b"-7", "Expected `int` >= 0"),
        (b"6", b"true", "Expected `int`, got `bool`"),
        (b"[1,2]", b"[1]", "array` of length 2"),
        (b'"commit"', b'"commits"', "missing required field `commit`"),
        (b'{"do":"Nothing"}', b"[]", "Expected `object`"),
        (b'"Nothing"', b'"\xff"', "invalid"),
        (b'"Nothing"', b"[" * 100_000, "nested too deeply"),
        (b"7", b"7", "unknown operation"),
    ],
)
def test_an_entry_that_is_none_is_refused(of: bytes, to: bytes, reason: str) -> None:
    text = ENTRY.replace(of, to, 1)
    line = b'{"crc":"%08x",%s\n' % (zlib.crc32(text), text)
    with pytest.raises(ValueError, match=reason):
        decode_record(line)


def test_an_entry_reads_back_in_any_order_of_its_fields() -> None:
    record = EntryRecord(entry(7), 6)
    document = decode_line(encode_record(record))
    assert decode_record(encode_line(dict(reversed(document.items())))) == record


def test_every_prefix_recovers_the_records_that_are_whole() -> None:
    data = journal()
    for length in range(len(data) + 1):
        prefix = data[:length]
        reader = JournalReader(prefix.splitlines(keepends=True))
        assert list(reader) == records()[: prefix.count(b"\n")]
        assert reader.good_bytes + reader.torn_bytes == length


def test_a_last_line_with_unwritten_sectors_is_torn() -> None:
    data = bytearray(journal())
    start = data.rindex(b"\n", 0, -1) + 1
    data[start + 3 : -1] = bytes(len(data) - start - 4)
    assert len(list(JournalReader(bytes(data).splitlines(keepends=True)))) == len(records()) - 1


def appended(*batches: list[Record]) -> tuple[bytes, list[int]]:
    """Each batch was on the disk before the next one came; where each begins."""
    data, starts = b"", []
    for batch in batches:
        starts.append(len(data))
        for record in batch:
            data += encode_record(record, len(data) - starts[-1])
    return data, starts


def with_hole(data: bytes, start: int, end: int) -> list[bytes]:
    return (data[:start] + bytes(end - start) + data[end:]).splitlines(keepends=True)


def test_a_hole_in_what_was_not_synced_ends_the_journal() -> None:
    data, (_, _, last) = appended(records()[:3], records()[3:5], records()[5:])
    for start in range(last, len(data)):
        reader = JournalReader(with_hole(data, start, min(start + 40, len(data))))
        found = list(reader)
        assert found == records()[: 5 + data.count(b"\n", last, start)]
        assert reader.good_bytes + reader.torn_bytes == len(data)


def test_a_hole_in_what_was_synced_is_refused() -> None:
    data, (_, middle, last) = appended(records()[:3], records()[3:5], records()[5:])
    for start in range(last - 1):
        with pytest.raises(JournalDamaged) as caught:
            list(JournalReader(with_hole(data, start, min(start + 40, last))))
        assert caught.value.line == data.count(b"\n", 0, start) + 1
    old = journal()
    with pytest.raises(JournalDamaged):  # a version that did not say what was synced
        list(JournalReader(with_hole(old, middle, middle + 40)))


def test_every_flipped_byte_is_refused_or_was_the_torn_tail() -> None:
    data = journal()
    for place in range(len(data)):
        for bit in (1, 0x20, 0x80):
            damaged = bytearray(data)
            damaged[place] ^= bit
            lines = [line + b"\n" for line in bytes(damaged).split(b"\n")]
            lines[-1] = lines[-1][:-1]
            reader = JournalReader(line for line in lines if line)
            try:
                found = list(reader)
            except JournalDamaged as error:
                first = data.count(b"\n", 0, place) + 1
                assert error.line == first  # noqa: PT017
            else:
                assert found == records()[:-1]
                assert place == len(data) - 1


def test_a_document_reads_back_and_every_flipped_byte_is_refused() -> None:
    header = Header(1, Position(2, ONE), VIEW, ChangeKind.GROW, VIEW, 3, 40, (entry(3), entry(4)))
    data = b"".join(document_lines(header, ChatState().snapshot().json_lines()))
    assert read_document(io.BytesIO(data))[0] == header
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 1
        with pytest.raises((DocumentDamaged, NewerFormat)) as caught:
            read_document(io.BytesIO(damaged))
        if isinstance(caught.value, DocumentDamaged):
            assert caught.value.line >= data.count(b"\n", 0, place) + 1, "read in good faith so far"
    for length in range(len(data)):
        with pytest.raises(DocumentDamaged) as cut:
            read_document(io.BytesIO(data[:length]))
        assert cut.value.line == data.count(b"\n", 0, length) + 1
    with pytest.raises(DocumentDamaged, match="follows its end"):
        read_document(io.BytesIO(data + b"{}\n"))


def test_a_line_of_a_long_document_that_is_no_json_is_named() -> None:
    state = ChatState()
    for name in ("ann", "bob"):
        state.apply(RegisterUser(name, "hash", f"register {name}", 1))
    for number in range(1_000):
        state.apply(PostMessage(f"m{number}", "ann", "bob", f"text {number}", 2))
    lines = list(document_lines(Header(1), state.snapshot().json_lines()))
    for number in (0, 255, 256, 700, 999):
        (place,) = [at for at, line in enumerate(lines) if f'"text {number}"'.encode() in line]
        for wrong in (lines[place].replace(b'"text', b"text"), b"\xff" + lines[place]):
            with pytest.raises(DocumentDamaged) as caught:
                read_document([*lines[:place], wrong, *lines[place + 1 :]])
            assert caught.value.line == place + 1
    with pytest.raises(DocumentDamaged) as strange:
        read_document(line.replace(b'"text 700"', b"700") for line in lines)
    assert b"text 700" in lines[strange.value.line - 1]


def image(count: int, commit: int = 0) -> LogImage:
    entries = tuple(entry(index) for index in range(1, count + 1))
    return LogImage(Durable(commit=commit, entries=entries), Position())


def test_a_lower_index_replaces_what_was_not_committed() -> None:
    log = image(4, commit=2)
    log.add(EntryRecord(entry(3, NEXT.number), 2))
    assert log.last == Position(3, NEXT.number)
    with pytest.raises(ValueError, match="committed"):
        log.add(EntryRecord(entry(2, NEXT.number), 2))


def test_a_gap_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot follow"):
        image(2).add(EntryRecord(entry(4), 0))


def test_an_installed_view_drops_what_lies_beyond_its_beginning() -> None:
    log = image(4)
    log.add(InstallRecord(NEXT, ChangeKind.SHRINK, Position(3, ONE), 3))
    assert log.durable() == Durable(
        NEXT, ChangeKind.SHRINK, NEXT, 3, Position(3, ONE), (entry(1), entry(2), entry(3))
    )
    with pytest.raises(ValueError, match="would drop"):
        log.add(InstallRecord(NEXT, ChangeKind.SHRINK, Position(2, ONE), 2))
    with pytest.raises(ValueError, match="not in the log"):
        log.add(InstallRecord(NEXT, ChangeKind.SHRINK, Position(9, ONE), 2))


def test_a_promise_never_goes_back() -> None:
    log = image(0)
    log.add(PromiseRecord(NEXT, ChangeKind.COLD))
    with pytest.raises(ValueError, match="older"):
        log.add(PromiseRecord(VIEW, ChangeKind.COLD))


def test_a_commit_index_is_believed_only_as_far_as_the_log_reaches() -> None:
    log = image(2)
    log.add(EntryRecord(entry(3), 100))
    assert log.commit == 3


def test_a_snapshot_keeps_the_log_beyond_an_entry_that_it_shares() -> None:
    log = image(5, commit=1)
    log.rebase(Position(3, ONE))
    assert [e.index for e in log.entries] == [4, 5]
    log.rebase(Position(4, NEXT.number))
    assert (log.entries, log.last, log.commit) == (type(log.entries)(), Position(4, NEXT.number), 4)

"""A store with accounts, sessions and messages, written without any server.

Everybody's token is known: `token(name)`; where there are passwords, everybody's is PASSWORD.
As a program it makes the data of three servers: python -m bench.populate FOLDER OPTIONS.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import time
import uuid
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from chat.core.files.journal import decode_line, encode_line
from chat.core.limits import (
    BCRYPT_COST,
    JOURNAL_FOLD_BYTES_MIN,
    JOURNAL_FOLD_RATIO,
    SEARCH_BATCH_MESSAGES_MAX,
)
from chat.core.replication.leadership import ChangeKind, View, ViewNumber
from chat.core.replication.messages import Entry, EntryRecord, InstallRecord, Position
from chat.core.state.chat_state import ChatState
from chat.core.state.newest_first import newest_first
from chat.core.state.operations.open_session import OpenSession
from chat.core.state.operations.post_message import PostMessage
from chat.core.state.operations.register_user import RegisterUser
from chat.server.auth import token_hash
from chat.server.passwords import Passwords
from chat.server.search_index import place_text
from chat.server.search_store import Said, SearchStore
from chat.server.sign_in_queue import Caller
from chat.server.store import PersistentStore
from chat.server.throttle import Source

PASSWORD = "correct horse battery"
_AT_MS = 1_700_000_000_000
_EXPIRES_MS = 4_000_000_000_000
_VIEW = ViewNumber(1, 1)
_CLUSTER = "be9cbe9cbe9cbe9c"
# Of the length at which the journal is folded into the file.
_FULL = 0.95
_BATCH = 20
_LAST_LINE = b'"crc32"'
_HEADER_LINES = 10  # at the most, before the state
TEXT = (
    "a message of a hundred characters, as people write them in a chat: not long, not short, done. "
)


def token(name: str) -> str:
    return f"token-of-{name}"


def names(users: int) -> list[str]:
    return [f"user{number:04}" for number in range(users)]


def state_with(users: int, messages: int, password_hash: str = "-") -> tuple[ChatState, int]:
    """The state and the index of its last entry; messages are spread over neighbours."""
    state, index = ChatState(), 0
    for name in names(users):
        user_id = str(uuid.uuid5(uuid.NAMESPACE_OID, name))
        state.apply(RegisterUser(name, password_hash, user_id, _AT_MS))
        for device in range(10):
            hashed = token_hash(token(name) + (f"-{device}" if device else ""))
            state.apply(OpenSession(name, hashed, "bench", _EXPIRES_MS, password_hash, _AT_MS))
        index += 11
    for number in range(messages):
        state.apply(message(number, users))
        index += 1
    return state, index


def message(number: int, users: int) -> PostMessage:
    sender = number % users
    contact = (sender + 1 + number // users % min(20, users - 1)) % users
    everyone = f"user{sender:04}", f"user{contact:04}"
    return PostMessage(
        str(uuid.UUID(int=number)), *everyone, f"{number:06} {TEXT}", _AT_MS + number
    )


def disk_failed(error: OSError) -> None:
    raise error


def write_stores(folder: Path, servers: int, state: ChatState, index: int) -> None:
    """The same state as the data of every server, as if all had stopped cleanly."""
    store = PersistentStore(folder, 1, disk_failed)
    store.open()
    store.replace(state, Position(index, _VIEW))
    store.close()
    write_index(folder, state, index)
    give_to_others(folder, servers)


def write_index(folder: Path, state: ChatState, index: int) -> None:
    """Of server 1: what there is to search, as a server leaves it."""
    store = SearchStore(folder / "search_1.db")
    older = (Said(place, message) for place, message in newest_first(state))
    while batch := list(islice(older, SEARCH_BATCH_MESSAGES_MAX)):
        store.write_older(batch)
    store.end_of_older()
    store.write([], [], place_text(Position(index, _VIEW)))
    store.close()


def fill_journals(folder: Path, servers: int, users: int, messages: int) -> None:
    """What is stored is stored again in journals: servers were killed just before they
    would have folded them."""
    store = PersistentStore(folder, 1, disk_failed)
    last = store.open().durable.last
    view = View(_VIEW, {number: 1_000 + number for number in range(1, servers + 1)}, _CLUSTER)
    store.append([InstallRecord(view, ChangeKind.COLD, last, last.index)], _nothing)
    full = _FULL * max(JOURNAL_FOLD_BYTES_MIN, JOURNAL_FOLD_RATIO * store.file.stat().st_size)
    number, index = messages, last.index
    while store.journal_bytes() < full:
        records = [
            EntryRecord(Entry(index + n, _VIEW, message(number + n, users)), index)
            for n in range(1, _BATCH + 1)
        ]
        store.append(records, _nothing)
        number, index = number + _BATCH, index + _BATCH
        while not store.has_room():
            time.sleep(0.01)
    store.close()
    give_to_others(folder, servers)


def give_to_others(folder: Path, servers: int) -> None:
    """Server 1's files, with another server's id: to write each from the state takes minutes."""
    for server_id in range(2, servers + 1):
        own = f"users_{server_id}"
        shutil.copyfile(folder / "search_1.db", folder / f"search_{server_id}.db")
        with (
            (folder / "users_1.json").open("rb") as lines,
            (folder / f"{own}.json").open("wb") as file,
        ):
            file.writelines(_document_of(server_id, lines))
        with (
            (folder / "users_1.journal").open("rb") as lines,
            (folder / f"{own}.journal").open("wb") as file,
        ):
            file.write(encode_line({**decode_line(next(lines)), "server_id": server_id}))
            shutil.copyfileobj(lines, file)


def _document_of(server_id: int, lines: Iterable[bytes]) -> Iterator[bytes]:
    crc = 0
    for number, line in enumerate(lines):
        if line.startswith(_LAST_LINE):
            yield b'%s: "%08x"}\n' % (_LAST_LINE, crc)
            return
        if number < _HEADER_LINES:
            line = line.replace(b'"server_id": 1,', b'"server_id": %d,' % server_id)
        crc = zlib.crc32(line, crc)
        yield line


def _nothing() -> None:
    pass


async def _hash_of(password: str) -> str:
    passwords = Passwords(BCRYPT_COST)
    try:
        return await passwords.hash(password, Caller(Source("bench", "bench")))
    finally:
        passwords.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.populate", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--servers", type=int, default=3)
    parser.add_argument("--users", type=int, default=2)
    parser.add_argument("--messages", type=int, default=0)
    parser.add_argument("--passwords", action="store_true")
    parser.add_argument("--journal", action="store_true", help="as after kill -9, with a full one")
    options = parser.parse_args()
    if not (options.folder / "users_1.json").exists():
        password_hash = asyncio.run(_hash_of(PASSWORD)) if options.passwords else "-"
        state, index = state_with(options.users, options.messages, password_hash)
        write_stores(options.folder, options.servers, state, index)
    if options.journal:
        fill_journals(options.folder, options.servers, options.users, options.messages)


if __name__ == "__main__":
    main()

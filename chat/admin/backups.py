"""The commands about copies of everything: backup, verify, restore, export."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from chat.admin.answers import Answer, printable
from chat.admin.servers import Servers
from chat.core.errors import NoSuchRoom
from chat.core.files.document import Header, NewerFormat, read_document
from chat.core.files.lines import DocumentDamaged
from chat.core.state.chat_state import ChatState
from chat.core.state.model import ROOM_MARK, Message, MessageStatus
from chat.rpc import admin_pb2 as pb
from chat.server.data_files import StoreError
from chat.server.data_lock import DataLock
from chat.server.files import beside, make_folder, replace_file
from chat.server.key_holder import Refused
from chat.server.snapshots import read_snapshot
from chat.server.store import PersistentStore

_BACKUP: Final = re.compile(r"chat-at-entry-(\d+)\.json")
_DATA: Final = re.compile(r"users_(\d+)\.json")


def backup(servers: Servers, asked: argparse.Namespace) -> Answer:
    """Written beside its place, read back, and only then moved there."""
    make_folder(asked.folder)
    coming = asked.folder / "chat-coming.json"
    try:
        size = replace_file(coming, _pieces(servers, asked.by))
        header, state = _read(coming)
        path = asked.folder / f"chat-at-entry-{header.position.index}.json"
        coming.replace(path)
    except OSError as error:
        raise Refused(f"{error.filename or asked.folder}: {error.strerror}.") from error
    finally:
        for left in (coming, beside(coming)):
            left.unlink(missing_ok=True)
    found = {"file": str(path), "bytes": size, **_count(header.position.index, state)}
    return Answer(found, f"{path}: {_words(found)}.")


def verify(_servers: Servers | None, asked: argparse.Namespace) -> Answer:
    """Each copy and each server's data there; its status is 1 where one is damaged."""
    paths = _in_folder(asked.path) if asked.path.is_dir() else [asked.path]
    if not paths:
        raise Refused(f"{asked.path} has no backup, and no server's data.")
    found = [_verified(path) for path in paths]
    lines = [f"{each['file']}: {each['error'] or _words(each)}." for each in found]
    return Answer(found, "\n".join(lines), int(any(each["error"] for each in found)))


def restore(_servers: Servers | None, asked: argparse.Namespace) -> Answer:
    """The data folder of the server that the copy is of, as it was then."""
    path = _newest(asked.path) if asked.path.is_dir() else asked.path
    header, state = _read(path)
    folder = asked.data_dir or asked.loaded.data_dir
    try:
        store = PersistentStore(folder, header.server_id, _nothing)
        store.restore(replace(header, generation=0, offset=0), state)
        store.inspect()
    except StoreError as error:
        raise Refused(str(error)) from error
    except OSError as error:
        raise Refused(f"{error.filename or folder}: {error.strerror}.") from error
    found = {"server": header.server_id, "folder": str(folder)}
    found |= _count(header.position.index, state)
    text = (
        f"{folder} is that of server {header.server_id} up to entry {header.position.index}. With "
        "all other folders empty, start it first, with --force-new-view (docs/OPERATIONS.md)."
    )
    return Answer(found, text)


def export(servers: Servers | None, asked: argparse.Namespace) -> Answer:
    """What somebody wrote and was written, or what was said in a room; as JSON a message a line."""
    if asked.source is not None:
        _, state = _read(_newest(asked.source) if asked.source.is_dir() else asked.source)
    else:
        assert servers is not None
        state, _ = read_snapshot(_pieces(servers, asked.by, asked.name))
    messages = list(_said(state, asked.name))
    if asked.json:
        return Answer(None, "\n".join(json.dumps(each, ensure_ascii=False) for each in messages))
    return Answer(None, "\n".join(map(_line, messages)))


def _pieces(servers: Servers, by: str, of: str = "") -> Iterator[bytes]:
    request = pb.BackupRequest(of=of, by=by, request_id=str(uuid4()))
    return (each.data for each in servers.stream("Backup", request))


def _nothing(_error: OSError) -> None:
    """Nobody is there to hear of it."""


def _read(path: Path) -> tuple[Header, ChatState]:
    """Refused where it is no whole copy."""
    try:
        with path.open("rb") as lines:
            header, tables = read_document(lines)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}.") from error
    except NewerFormat as error:
        raise Refused(f"{path}: {error}.") from error
    except DocumentDamaged as error:
        raise Refused(f"{path}, line {error.line}: {error.reason}.") from error
    return header, ChatState(tables)


def _in_folder(folder: Path) -> list[Path]:
    known = (path for path in folder.iterdir() if _DATA.fullmatch(path.name) or _index(path))
    return sorted(known, key=lambda path: (_index(path), path.name))


def _index(path: Path) -> int:
    """The entry up to which a copy goes, by its name; 0 for what is none."""
    found = _BACKUP.fullmatch(path.name)
    return int(found[1]) if found else 0


def _newest(folder: Path) -> Path:
    copies = [path for path in _in_folder(folder) if _index(path)]
    if not copies:
        raise Refused(f"{folder} has no backup.")
    return copies[-1]


def _verified(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = {"file": str(path), "error": ""}
    try:
        data = _DATA.fullmatch(path.name)
        if data is None:
            header, state = _read(path)
            return found | _count(header.position.index, state)
        server_id = int(data[1])
        if DataLock(path.parent / f"users_{server_id}.lock").is_held():
            raise Refused(f"server {server_id} runs with it: stop it first, or take a backup")
        recovered = PersistentStore(path.parent, server_id, _nothing).inspect()
        durable = recovered.durable
        found["uncommitted"] = durable.last.index - durable.commit
        return found | _count(durable.commit, recovered.state)
    except (Refused, StoreError) as error:
        return found | {"error": str(error).removesuffix(".")}


def _count(entry: int, state: ChatState) -> dict[str, int]:
    return {
        "entry": entry,
        "people": state.accounts.present_count,
        "rooms": len(state.rooms.items),
        "messages": len(state.conversations.by_id),
    }


def _words(found: dict[str, Any]) -> str:
    held = f"{found['people']} people, {found['rooms']} rooms, {found['messages']} messages"
    more = found.get("uncommitted", 0)
    after = f" ({more} more, of which it does not know yet whether all have them)" if more else ""
    return f"whole, up to entry {found['entry']}{after}: {held}"


def _said(state: ChatState, name: str) -> Iterator[dict[str, Any]]:
    """NoSuchRoom, NoSuchUser."""
    if name.startswith(ROOM_MARK):
        room = state.rooms.by_name.get(name)
        if room is None:
            raise NoSuchRoom("There is no room of that name.")
        yield from _told(name, room.messages)
        return
    for address, conversation in state.accounts.known(name).conversations.items():
        yield from _told(address, conversation.messages)
    for room in state.rooms.items:
        yield from _told(room.name, (each for each in room.messages if each.sender == name))


def _told(where: str, messages: Iterable[Message]) -> Iterator[dict[str, Any]]:
    for each in messages:
        yield {
            "conversation": where,
            "sequence": each.sequence,
            "at": datetime.fromtimestamp(each.sent_at / 1000, timezone.utc).isoformat(),
            "from": each.sender,
            "text": each.text,
            "unsent": each.status is MessageStatus.UNSENT,
            "id": each.id,
        }


def _line(message: dict[str, Any]) -> str:
    """On one line, however the text is broken into lines."""
    text = "(unsent)" if message["unsent"] else " / ".join(message["text"].splitlines())
    head = f"{message['at'][:19]}Z  {message['conversation']}  {message['from']}"
    return printable(f"{head}: {text}")

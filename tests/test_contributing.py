"""The operation that CONTRIBUTING.md adds is added as it says, to a copy, and works everywhere."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
OPERATIONS = Path("chat/core/state/operations")
# What a server does with an operation, from the log to the files, and back.
USED = """
from chat import peer_wire
from chat.core.files.document import Header, document_lines, read_document
from chat.core.errors import NoSuchMessage
from chat.core.files.journal import decode_record, encode_record, record_bytes
from chat.core.replication.leadership import ViewNumber
from chat.core.replication.messages import Entry, EntryRecord
from chat.core.state.operations.post_message import PostMessage
from chat.core.state.operations.register_user import RegisterUser
from chat.core.state.operations.wave import Wave, Waved
from chat.core.state.chat_state import ChatState

state = ChatState()
for name in ("ann", "bob"):
    state.apply(RegisterUser(name, "hash", "", 1))
wave = Wave("ann", "bob", "request", 3)
assert isinstance(state.apply(wave).result, NoSuchMessage)
state.apply(PostMessage("m", "ann", "bob", "hi", 2))

entry = Entry(1, ViewNumber(1, 1), wave)
assert peer_wire.entry_from_proto(peer_wire.entry_to_proto(entry)) == entry
line = encode_record(EntryRecord(entry, 0))
assert decode_record(line) == EntryRecord(entry, 0)
assert len(line) <= record_bytes(wave)

assert {name for name, _ in state.apply(wave).events} == {"ann", "bob"}
assert state.apply(wave).events == ()
lines = document_lines(Header(1), state.snapshot().json_lines())
again = ChatState(read_document(lines)[1])
for each in (state, again):
    assert [event.kind for event in each.events.after("bob", 1, 9)] == [Waved("ann", "bob")]
    assert each.requests.finished("request", Wave, "ann")
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The program, with the operation of the document in its folder."""
    shutil.copytree(ROOT / "chat", tmp_path / "chat", ignore=shutil.ignore_patterns("__pycache__"))
    (module,) = re.findall(r"^```python\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)
    (tmp_path / OPERATIONS / "wave.py").write_text(module, encoding="utf-8")
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_it_is_known_to_the_log_the_journal_the_wire_and_the_files(copy: Path) -> None:
    done = run(copy, "-c", USED)
    assert done.returncode == 0, done.stderr


def test_what_is_forgotten_fails_the_type_check(copy: Path) -> None:
    path, forgotten = copy / OPERATIONS / "wave.py", ("author", "apply")
    text = path.read_text(encoding="utf-8")
    for name in forgotten:
        text = text.replace(f"def {name}(", f"def no_{name}(")
    user = '\n\ndef wave() -> Wave:\n    return Wave("ann", "bob", "request", 3)\n'
    path.write_text(text + user, encoding="utf-8")
    found = run(copy, "-m", "mypy", "--follow-imports=silent", str(OPERATIONS / "wave.py"))
    lacking = 'abstract class "Wave" with abstract attributes "apply" and "author"'
    assert lacking in found.stdout, found.stdout + found.stderr


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("class Wave(Operation):", "class Wave:"),
        ("@dataclass(frozen=True, slots=True)\nclass Waved", "class Waved"),
    ],
)
def test_what_is_no_operation_or_no_dataclass_fails_a_test(
    copy: Path, text: str, instead: str
) -> None:
    path = copy / OPERATIONS / "wave.py"
    module = path.read_text(encoding="utf-8")
    assert text in module
    path.write_text(module.replace(text, instead), encoding="utf-8")
    shutil.copytree(ROOT / "tests" / "core", copy / "tests" / "core")
    shutil.copy(ROOT / "pyproject.toml", copy)
    found = run(
        copy, "-m", "pytest", "-q", "-k", "is_one_operation", "tests/core/state/test_operations.py"
    )
    assert "test_a_module_is_one_operation_and_what_it_tells[wave]" in found.stdout, found.stdout


# What only the editing of messages is called.
EDITING = re.compile(
    r"edit_message|EditMessage|MessageEdited|TooLateToEdit|EDIT_WITHIN_MS|edited_at"
    r'|\bEDIT = |Act\.EDIT|"edit(ed)?"'
)


def test_an_operation_is_in_as_few_files_as_is_said() -> None:
    listed = re.findall(
        r"^\| `(\S+)` \| .* \|$", DOCUMENT.partition("of editing is there")[2], re.M
    )
    files = [*(ROOT / "chat").rglob("*.py"), *(ROOT / "protos").glob("*.proto")]
    naming = {
        str(path.relative_to(ROOT))
        for path in files
        if path.parent.name != "rpc" and EDITING.search(path.read_text(encoding="utf-8"))
    }
    assert naming == set(listed)
    assert len(listed) == 12
    assert f"in {len(listed)} hand-written files" in DOCUMENT

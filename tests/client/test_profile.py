"""The profile's files: defaults, ranges, privacy, damage."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from chat.client.settings import Profile, Settings, SignIn, profile_folder
from chat.core.limits import FIELD_CHARACTERS_MAX, PROFILE_FILE_BYTES_MAX, TEXT_BYTES_MAX


def started(folder: Path) -> Profile:
    profile = Profile(folder)
    profile.start()
    return profile


def test_changes_survive_a_restart(tmp_path: Path) -> None:
    profile = started(tmp_path / "p")
    assert profile.settings == Settings()
    profile.update(theme="dark", read_next=99, scale_percent=10)
    profile.set_draft("ada", "bob", "half a sen")
    profile.keep_sign_in(SignIn("ada", "token", 5.0))
    profile.stop()
    again = started(tmp_path / "p")
    assert again.settings == Settings(theme="dark", read_next=30, scale_percent=80)
    assert again.drafts("ada") == {"bob": "half a sen"}
    assert again.sign_in == SignIn("ada", "token", 5.0)
    again.set_draft("ada", "bob", "")
    again.keep_sign_in(None)
    again.stop()
    third = started(tmp_path / "p")
    assert third.draft("ada", "bob") == ""
    assert third.sign_in is None
    third.stop()


def test_files_are_private(tmp_path: Path) -> None:
    profile = started(tmp_path / "p")
    profile.keep_sign_in(SignIn("ada", "token", 5.0))
    profile.stop()
    assert stat.S_IMODE((tmp_path / "p").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "p" / "session.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"theme": 5, "sash": "wide", "new": 1}'])
def test_damaged_settings_are_no_reason_to_refuse(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "settings.json").write_bytes(content)
    profile = started(tmp_path)
    assert profile.settings == Settings()
    profile.stop()


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "x" * 65])
def test_a_profile_name_is_a_file_name(name: str) -> None:
    with pytest.raises(ValueError, match="profile name"):
        profile_folder(name)


def test_a_draft_that_no_message_can_hold_is_cut_once_and_kept(tmp_path: Path) -> None:
    content = json.dumps({"ada": {"bob": "é" * TEXT_BYTES_MAX, "eve": "short"}})
    (tmp_path / "drafts.json").write_text(content, "utf-8")
    for _ in range(2):
        profile = started(tmp_path)
        assert profile.drafts("ada") == {"bob": "é" * (TEXT_BYTES_MAX // 2), "eve": "short"}
        profile.stop()
    (kept,) = tmp_path.glob("drafts.json.*")
    assert kept.read_text("utf-8") == content


def test_a_word_on_a_cut_draft_lasts_until_it_changes(tmp_path: Path) -> None:
    content = json.dumps({"ada": {"bob": "x" * 2 * TEXT_BYTES_MAX, "eve": "short"}})
    (tmp_path / "drafts.json").write_text(content, "utf-8")
    profile = started(tmp_path)
    assert "drafts.json." in profile.word_on_draft("ada", "bob")
    assert profile.word_on_draft("ada", "eve") == ""
    profile.set_draft("ada", "bob", "shorter")
    assert profile.word_on_draft("ada", "bob") == ""
    profile.stop()


@pytest.mark.parametrize("name", ["settings.json", "drafts.json", "session.json"])
def test_a_file_beyond_all_measure_is_set_aside(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b'{"theme": "dark"}' + b" " * PROFILE_FILE_BYTES_MAX)
    profile = started(tmp_path)
    assert profile.settings == Settings()
    profile.stop()
    assert (tmp_path / f"{name}.damaged-1").exists()


@pytest.mark.parametrize("name", ["last_username", "last_contact", "geometry"])
def test_a_setting_beyond_all_measure_is_not_taken(tmp_path: Path, name: str) -> None:
    content = json.dumps({name: "x" * (FIELD_CHARACTERS_MAX + 1), "theme": "dark"})
    (tmp_path / "settings.json").write_text(content, "utf-8")
    profile = started(tmp_path)
    assert profile.settings == Settings(theme="dark")
    profile.stop()


def test_servers_beyond_all_measure_are_not_taken(tmp_path: Path) -> None:
    content = json.dumps({"servers": ["host:8001"] * FIELD_CHARACTERS_MAX})
    (tmp_path / "settings.json").write_text(content, "utf-8")
    profile = started(tmp_path)
    assert profile.settings.servers == ()
    profile.stop()

"""The profile's files: defaults, ranges, privacy, damage."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from chat.client.settings import Profile, Settings, SignIn, profile_folder


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

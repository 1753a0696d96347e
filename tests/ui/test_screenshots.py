"""The program that takes the pictures of docs/images says in one line what it lacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ui import screenshots


def test_what_is_missing_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "Xvfb").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert screenshots.main() == 1
    told = "make screenshots needs imagemagick: apt-get install imagemagick\n"
    assert capsys.readouterr() == ("", told)

"""The guard against old font libraries."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from chat.ui.look import fonts


@pytest.mark.parametrize(("version", "guarded"), [(None, False), (20_304, True), (20_305, False)])
def test_old_font_libraries_get_no_coloured_letters(
    version: int | None, guarded: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FONTCONFIG_FILE", "")
    monkeypatch.delenv("FONTCONFIG_FILE")
    monkeypatch.setattr(tempfile, "mkdtemp", lambda **_: str(tmp_path))
    assert fonts.guard_against_colour_fonts(version) is guarded
    assert ("FONTCONFIG_FILE" in os.environ) is guarded
    if guarded:
        assert "rejectfont" in Path(os.environ["FONTCONFIG_FILE"]).read_text(encoding="utf-8")
        assert not fonts.guard_against_colour_fonts(version)  # the person's own choice stands

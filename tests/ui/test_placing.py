"""Where windows come back: as they were, and all of them on the screen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.ui.placing import Area, Frame, WindowPlace, area_of, fitted
from tests.ui.conftest import Driver, signed_in

SCREEN = Area(0, 0, 1280, 900)
# A second screen stands left of the first, and higher.
TWO = Area(-1920, -200, 3200, 1280)
FRAMED = Frame(side=4, top=30)


def numbers(geometry: str) -> tuple[int, int, int, int]:
    match = re.fullmatch(r"(\d+)x(\d+)\+(-?\d+)\+(-?\d+)", geometry)
    assert match, geometry
    width, height, x, y = map(int, match.groups())
    return width, height, x, y


@pytest.mark.parametrize(
    ("saved", "area", "frame", "placed"),
    [
        ("", SCREEN, FRAMED, "980x640+146+75"),
        ("nonsense", SCREEN, Frame(), "980x640+150+86"),
        ("0x0+5+5", SCREEN, Frame(), "980x640+150+86"),
        ("800x600+10+20", SCREEN, FRAMED, "800x600+10+20"),
        ("800x600+1900+900", SCREEN, Frame(), "800x600+480+300"),  # a screen that is gone
        ("800x600+1900+900", SCREEN, FRAMED, "800x600+472+266"),
        ("800x600+-300+-20", SCREEN, Frame(), "800x600+0+0"),
        ("800x600+-1900+-150", TWO, FRAMED, "800x600+-1900+-150"),
        ("800x600+-3000+-150", TWO, FRAMED, "800x600+-1920+-150"),
        ("4000x3000+0+0", SCREEN, FRAMED, "1272x866+0+0"),
        ("1280x900+0+0", SCREEN, FRAMED, "1272x866+0+0"),
        ("", Area(0, 0, 800, 480), FRAMED, "792x446+0+0"),
    ],
)
def test_the_window_comes_back_onto_the_screen(
    saved: str, area: Area, frame: Frame, placed: str
) -> None:
    assert fitted(saved, area, frame) == placed


@given(
    st.builds("{}x{}+{}+{}".format, *[st.integers(0, 9_999)] * 2, *[st.integers(-9_999, 9_999)] * 2)
    | st.text(),
    st.builds(Area, st.integers(-4_000, 0), st.integers(-4_000, 0), st.integers(320, 8_000),
              st.integers(200, 8_000)),
    st.builds(Frame, st.integers(0, 20), st.integers(0, 80)),
)  # fmt: skip
def test_all_of_it_is_inside_with_its_frame(saved: str, area: Area, frame: Frame) -> None:
    width, height, x, y = numbers(fitted(saved, area, frame))
    assert width > 0
    assert height > 0
    assert area.left <= x
    assert x + width + 2 * frame.side <= area.left + area.width
    assert area.top <= y
    assert y + height + frame.top + frame.side <= area.top + area.height
    assert fitted(f"{width}x{height}+{x}+{y}", area, frame) == f"{width}x{height}+{x}+{y}"


def test_the_first_window_is_in_the_middle(display: str, tmp_path: Path) -> None:
    driver = Driver(tmp_path, place="")
    area = area_of(driver.app.root)
    width, height, x, y = numbers(driver.app.root.geometry())
    assert (width, height) == (980, 640)
    assert abs(area.width - width - 2 * x) <= 16
    assert 0 < y < (area.height - height) / 2
    driver.close()


def test_a_large_type_gets_a_large_window(display: str, tmp_path: Path) -> None:
    driver = Driver(tmp_path, place="", scale_percent=150)
    area = area_of(driver.app.root)
    width, height, *_ = numbers(driver.app.root.geometry())
    assert width == min(1_470, area.width - 8)
    assert height == min(960, area.height - 40)
    driver.close()


def test_a_maximised_window_keeps_the_size_that_it_had_before(
    display: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No window manager runs here: what one does is done by hand."""
    driver = Driver(tmp_path, place="900x600+30+40")
    place = driver.app._place
    driver.wait_until(lambda: place._normal == "900x600+30+40", "its place was not noted")
    monkeypatch.setattr(WindowPlace, "is_maximised", property(lambda _: True))
    driver.app.root.geometry("1500x900+0+0")
    driver.settle()
    driver.wait_until(lambda: not place._noting._due, "the change is not looked at")
    driver.close()
    kept = driver.profile.settings
    assert (kept.geometry, kept.maximised) == ("900x600+30+40", True)
    asked: list[bool] = []
    monkeypatch.setattr(WindowPlace, "_maximise", lambda _: asked.append(True))
    again = Driver(tmp_path, place="", geometry=kept.geometry, maximised=True)
    assert asked == [True]
    assert again.app.root.geometry() == "900x600+30+40"
    again.close()


def test_what_a_frame_pushes_over_the_edge_is_brought_back(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = driver.app.root
    area = area_of(root)
    root.geometry(f"900x600+{area.width - 900}+{area.height - 600}")
    driver.settle()
    x, y = root.winfo_rootx(), root.winfo_rooty()
    monkeypatch.setattr(root, "winfo_rootx", lambda: x + 5)
    monkeypatch.setattr(root, "winfo_rooty", lambda: y + 30)
    driver.app._place._fit()
    driver.settle()
    assert numbers(root.geometry())[2:] == (area.width - 910, area.height - 635)


def test_window_and_sash_are_remembered(display: str, tmp_path: Path) -> None:
    first = Driver(tmp_path)
    signed_in(first)
    first.app.root.geometry("900x600+30+40")
    first.settle()
    first.app.chat._sash(330)
    first.app.chat.save_layout()
    first.close()
    second = Driver(tmp_path, place="")
    signed_in(second)
    second.settle()
    try:
        assert second.app.root.geometry() == "900x600+30+40"
        assert second.app.chat._sash() == 330
        second.app.change_setting("scale_percent", 110)
        second.settle()
        assert second.app.chat._sash() == 363
    finally:
        second.close()


def test_no_pane_takes_most_of_a_small_window(driver: Driver) -> None:
    signed_in(driver)
    driver.app.change_setting("scale_percent", 200)
    driver.settle()
    assert driver.app.chat._sash() <= 0.46 * driver.app.chat.panes.winfo_width()
    before = driver.profile.settings.sash
    driver.app.chat.save_layout()
    assert driver.profile.settings.sash == before

"""Paints ttk in the current palette: rounded buttons and fields, ticks, thin scrollbars.

Each look (light or dark, at one scale) is a ttk theme of its own on top of plain `clam`; its
pictures are nine-slices, so that a few pixels serve every size.
"""

from __future__ import annotations

import tkinter as tk
from tkinter import ttk
from typing import Any

from chat.ui.look import shapes
from chat.ui.look.palette import Palette
from chat.ui.look.shapes import Layer
from chat.ui.look.theme import Theme

RADIUS = 6  # pixels at 100 %
# The middle of a nine-slice, in pixels. Tk repeats it to fill a field piece by piece: with
# 3 by 3 pixels that took 15 ms for the composer, at every key.
MIDDLE_WIDTH, MIDDLE_HEIGHT = 256, 32


def _nested(*elements: str) -> Any:
    """A layout in which each element fills the one before."""
    layout: Any = []
    for element in reversed(elements):
        options = {"sticky": "nswe", **({"children": layout} if layout else {})}
        layout = [(element, options)]
    return layout


class Styles:
    """ttk in the theme's current look; each look is drawn when it is first needed."""

    def __init__(self, root: tk.Tk, theme: Theme) -> None:
        self._root, self._theme = root, theme
        self._looks: dict[str, Look] = {}
        self.use()

    def use(self) -> None:
        """After each `Theme.use`."""
        theme = self._theme
        name = f"chat-{'dark' if theme.dark else 'light'}-{theme.scale_percent}"
        if name in self._looks:
            ttk.Style(self._root).theme_use(name)
        else:
            self._looks[name] = Look(self._root, theme, name)


class Look:
    """The elements, layouts and options of one look, which takes effect once created; holds its
    pictures, because Tk forgets those that Python no longer references."""

    def __init__(self, root: tk.Tk, theme: Theme, name: str) -> None:
        self._root, self._style, self._theme = root, ttk.Style(root), theme
        self._pictures: list[tk.PhotoImage] = []
        self._style.theme_create(name, parent="clam")
        self._style.theme_use(name)
        self._defaults()
        self._labels()
        self._buttons()
        self._fields()
        self._ticks()
        self._scrollbar()

    def _defaults(self) -> None:
        colours, theme = self._theme.palette, self._theme
        self._style.configure(
            ".", background=colours.window, foreground=colours.text, font=theme.body,
            bordercolor=colours.border, lightcolor=colours.window, darkcolor=colours.window,
            troughcolor=colours.window, fieldbackground=colours.field, insertcolor=colours.text,
            insertwidth=theme.px(1.5), selectbackground=colours.selection,
            selectforeground=colours.selection_text, focuscolor=colours.accent,
        )  # fmt: skip
        # Invisible but wide enough to be caught; the panel's own edge is the line to see.
        self._style.configure("Sash", sashthickness=theme.px(5), gripcount=0)
        self._style.configure("TPanedwindow", background=colours.panel)
        self._style.configure("TSeparator", background=colours.border)

    def _labels(self) -> None:
        colours, theme, configure = self._theme.palette, self._theme, self._style.configure
        configure("Muted.TLabel", foreground=colours.muted, font=theme.small)
        configure("Title.TLabel", font=theme.title)
        configure("Headline.TLabel", font=theme.headline)
        configure("Bold.TLabel", font=theme.bold)
        configure("Error.TLabel", foreground=colours.danger, font=theme.small)
        configure("Good.TLabel", foreground=colours.good, font=theme.small)
        configure("Line.TFrame", background=colours.border)
        configure("Panel.TFrame", background=colours.panel)
        configure("Panel.TLabel", background=colours.panel, font=theme.small)
        configure("PanelText.TLabel", background=colours.panel, font=theme.body)
        configure("PanelMuted.TLabel", background=colours.panel, foreground=colours.muted,
                  font=theme.small)  # fmt: skip
        configure("PanelBold.TLabel", background=colours.panel, font=theme.bold)
        for kind in ("notice", "success"):
            back, fore = getattr(colours, kind), getattr(colours, f"{kind}_text")
            configure(f"{kind.title()}.TFrame", background=back)
            configure(f"{kind.title()}.TLabel", background=back, foreground=fore)

    def _buttons(self) -> None:
        colours, theme, style = self._theme.palette, self._theme, self._style
        self._button("Plain", colours.hover, colours.selected, colours.panel, colours.accent)
        self._button("Accent", colours.accent, colours.accent_hover, colours.hover,
                     colours.accent_text)  # fmt: skip
        self._button("Flat", "", colours.hover, "", colours.accent)
        pad = (theme.px(14), theme.px(7))
        for name, element, options in (
            ("TButton", "Plain", {"padding": pad}),
            ("Accent.TButton", "Accent", {"padding": pad, "font": theme.bold,
                                          "foreground": colours.accent_text}),
            ("Danger.TButton", "Plain", {"padding": pad, "foreground": colours.danger}),
            ("Tool.TButton", "Flat", {"padding": theme.px(7)}),
            ("PanelTool.TButton", "Flat", {"padding": theme.px(7), "background": colours.panel}),
            ("Link.TButton", "Flat", {"padding": (theme.px(4), theme.px(2)),
                                      "foreground": colours.accent}),
            ("PanelLink.TButton", "Flat", {"padding": (theme.px(6), 0), "font": theme.small,
                                           "foreground": colours.accent,
                                           "background": colours.panel}),
        ):  # fmt: skip
            style.layout(name, _nested(f"{element}.button", "Button.padding", "Button.label"))
            style.configure(name, anchor="center", **options)
            style.map(name, foreground=[("disabled", colours.muted)], background=[])

    def _button(self, name: str, fill: str, hover: str, disabled: str, focus: str) -> None:
        radius = self._theme.px(RADIUS)
        self._element(
            f"{name}.button", radius,
            self._box(fill),
            ("disabled", self._box(disabled)),
            ("focus", "active", self._box(hover, ring=focus)),
            ("focus", self._box(fill, ring=focus)),
            ("active", self._box(hover)),
            least=2 * radius,
        )  # fmt: skip

    def _fields(self) -> None:
        colours, theme, style = self._theme.palette, self._theme, self._style
        field, thick, radius = colours.field, 1.6, theme.px(RADIUS)
        self._element(
            "Chat.field", radius,
            self._box(field, edge=colours.outline),
            ("invalid", self._box(field, edge=colours.danger, edge_width=thick)),
            ("focus", self._box(field, edge=colours.accent, edge_width=thick)),
            ("disabled", self._box(colours.panel, edge=colours.border)),
            least=2 * radius,
        )  # fmt: skip
        style.layout("TEntry", _nested("Chat.field", "Entry.padding", "Entry.textarea"))
        # Around a tk.Text, whose focus its owner passes on as a state of the frame.
        style.layout("Field.TFrame", _nested("Chat.field"))
        style.configure("TEntry", padding=(theme.px(9), theme.px(7)))
        for way in ("up", "down"):
            picture = self._keep(theme.icon(way, colours.muted))
            # ttk acts on a click by the name of the element.
            style.element_create(f"Spinbox.{way}arrow", "image", picture, sticky="")
        arrows: Any = ("null", {"side": "right", "sticky": "ns", "children": [
            ("Spinbox.uparrow", {"side": "top", "sticky": "e"}),
            ("Spinbox.downarrow", {"side": "bottom", "sticky": "e"})]})  # fmt: skip
        text = _nested("Spinbox.padding", "Spinbox.textarea")
        style.layout("TSpinbox", [("Chat.field", {"sticky": "nswe", "children": [arrows, *text]})])
        style.configure("Treeview", background=colours.window, fieldbackground=colours.window,
                        foreground=colours.text, rowheight=theme.px(32), borderwidth=0,
                        font=theme.body)  # fmt: skip
        style.layout("Treeview", _nested("Treeview.treearea"))
        style.layout("Item", [("Treeitem.padding", {"sticky": "nswe", "children": [
            ("Treeitem.image", {"side": "left", "sticky": ""}),
            ("Treeitem.text", {"side": "left", "sticky": "nswe"})]})])  # fmt: skip
        style.configure("Item", padding=(theme.px(8), 0))
        style.map("Treeview", background=[("selected", colours.selected)],
                  foreground=[("selected", colours.text)])  # fmt: skip
        style.configure("TSpinbox", padding=(theme.px(9), theme.px(3), theme.px(4), theme.px(3)))

    def _ticks(self) -> None:
        """Check boxes and radio buttons, whose focus shows around the mark."""
        theme, colours, style = self._theme, self._theme.palette, self._style
        for kind in ("Check", "Radio"):
            layout: Any = [(f"{kind}button.padding", {"sticky": "nswe", "children": [
                (f"Chat.{kind}", {"side": "left", "sticky": ""}),
                (f"{kind}button.label", {"side": "left", "sticky": "nswe"})]})]  # fmt: skip
            self._element(
                f"Chat.{kind}", 0,
                self._tick(kind, False),
                ("selected", "focus", self._tick(kind, True, ring=True)),
                ("selected", self._tick(kind, True)),
                ("focus", self._tick(kind, False, ring=True)),
            )  # fmt: skip
            style.layout(f"T{kind}button", layout)
            style.configure(f"T{kind}button", padding=theme.px(3), background=colours.window)

    def _tick(self, kind: str, chosen: bool, ring: bool = False) -> tk.PhotoImage:
        colours: Palette = self._theme.palette
        side, room = self._theme.px(22), self._theme.px(8)  # room: before the label
        unit = side / 22
        radius = 5 * unit if kind == "Check" else 8 * unit
        edge = colours.accent if chosen or ring else colours.outline
        width = (2.4 if ring else 1.4) * unit
        middle = side / 2

        def square(inset: float) -> shapes.Shape:
            near, far = middle - 8 * unit + inset, middle + 8 * unit - inset
            return shapes.Box(near, near, far, far, max(radius - inset, 1.0))

        filled = colours.accent if chosen and kind == "Check" else colours.field
        layers = [Layer(square(0), edge), Layer(square(width), filled)]
        if chosen and kind == "Check":
            for x1, y1, x2, y2 in ((7, 11.4, 9.7, 14), (9.7, 14, 15, 8.2)):
                stroke = shapes.Line(x1 * unit, y1 * unit, x2 * unit, y2 * unit, 2 * unit)
                layers.append(Layer(stroke, colours.accent_text))
        elif chosen:
            layers.append(Layer(shapes.Disc(middle, middle, 4.2 * unit), colours.accent))
        return self._keep(shapes.paint(self._root, side + room, side, layers))

    def _scrollbar(self) -> None:
        theme, colours, style = self._theme, self._theme.palette, self._style
        width = theme.px(10)

        def thumb(colour: str) -> tk.PhotoImage:
            inset = theme.px(2)
            shape = shapes.Box(inset, 0, width - inset, 3 * width, (width - 2 * inset) / 2)
            return self._keep(shapes.paint(self._root, width, 3 * width, [Layer(shape, colour)]))

        clear = self._keep(shapes.paint(self._root, width, width, []))
        self._element(
            "Vertical.Scrollbar.thumb", width // 2 - 1, thumb(colours.thumb),
            ("disabled", clear), ("pressed", thumb(colours.muted)),
            ("active", thumb(colours.muted)),
        )  # fmt: skip
        # The thumb's own name, by which ttk knows what is dragged.
        layout: Any = [("Vertical.Scrollbar.trough", {"sticky": "ns", "children": [
            ("Vertical.Scrollbar.thumb", {"expand": "1", "sticky": "nswe"})]})]  # fmt: skip
        for name, back in (("", colours.window), ("Panel.", colours.panel)):
            style.layout(f"{name}Vertical.TScrollbar", layout)
            style.configure(f"{name}Vertical.TScrollbar", background=back, troughcolor=back,
                            bordercolor=back, lightcolor=back, darkcolor=back)  # fmt: skip

    # --- pictures ---------------------------------------------------------------------

    def _box(
        self, fill: str, *, edge: str = "", edge_width: float = 1.0, ring: str = ""
    ) -> tk.PhotoImage:
        """A nine-slice with round corners; `ring` shows the focus, just inside the edge."""
        theme = self._theme
        radius = theme.px(RADIUS)
        side = 2 * radius + 3

        def inner(inset: float) -> shapes.Shape:
            return shapes.Box(inset, inset, side - inset, side - inset, max(radius - inset, 1.0))

        layers = [Layer(inner(0), edge or fill)] if edge or fill else []
        if edge:
            layers.append(Layer(inner(edge_width * theme.scale_percent / 100), fill))
        if ring:
            width, gap = 1.6 * theme.scale_percent / 100, 1.5 * theme.scale_percent / 100
            layers += [Layer(inner(gap), ring), Layer(inner(gap + width), fill)]
        wider, higher = MIDDLE_WIDTH - 3, MIDDLE_HEIGHT - 3
        return self._keep(shapes.paint(self._root, side, side, layers, wider, higher))

    def _element(self, name: str, border: int, *pictures: Any, least: int = -1) -> None:
        """Never smaller than `least` pixels either way (-1: than its pictures)."""
        self._style.element_create(name, "image", *pictures, border=border, padding=0,
                                    sticky="nswe", width=least, height=least)  # fmt: skip

    def _keep(self, picture: tk.PhotoImage) -> tk.PhotoImage:
        self._pictures.append(picture)
        return picture

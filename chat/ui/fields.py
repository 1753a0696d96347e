"""Text fields: the editing keys of the person's system on any layout, a menu, and limits that hold
for every way of inserting text (keys, input methods, both clipboards, the program).
"""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk
from typing import Any, Final

from chat.core.limits import FIELD_CHARACTERS_MAX, TEXT_BYTES_MAX
from chat.ui import chords, keys, tips, typed
from chat.ui.chords import Press
from chat.ui.history import Content, History, Kind
from chat.ui.look.theme import Theme

CHANGED: Final = "<<Changed>>"  # sent to a field of one line after every change of its text
_EDITS: Final = "ChatEdits"  # a binding tag
_MENU: Final = (("undo", "redo"), ("cut", "copy", "paste"), ("select_all",))
_TAKES_OUT: Final = ("cut", "copy")

# All that puts text into a widget calls Tk's command of that widget by its name. So the command
# gets another name, and in its place stands a procedure that asks Python about these two. (One
# of ttk's own commands takes a script, which has to see its caller's variables.)
_WATCHED: Final = """
proc {name} {{command args}} {{
    if {{$command in {{insert delete}}}} {{return [{ask} $command {{*}}$args]}}
    uplevel 1 [list {own} $command {{*}}$args]
}}
"""


def bind(root: tk.Misc) -> None:
    """The keys in the table of edits work in every widget that is given them, and Emacs' do not:
    Ctrl+D and the like, which Tk has on X11, surprise everyone else."""

    def pressed(event: tk.Event[Any]) -> str | None:
        press = Press.of(event)
        edit = keys.edit_for(press)
        done = edit is not None and event.widget.do(edit)
        return "break" if done or chords.is_letter_with_control(press) else None

    root.bind_class(_EDITS, "<Key>", pressed)


def _give_edits(widget: tk.Misc) -> None:
    """Ahead of Tk's own bindings: on X11 its "paste" is also Ctrl+Y."""
    widget.bindtags((_EDITS, *widget.bindtags()))


class ReadOnlyText(tk.Text):
    """A text that can be selected and copied, on any layout."""

    def __init__(self, parent: tk.Misc, **options: Any) -> None:
        super().__init__(parent, state="disabled", **options)
        _give_edits(self)

    def do(self, edit: keys.Edit) -> bool:
        """False leaves the key to others."""
        event = {"copy": "<<Copy>>", "select_all": "<<SelectAll>>"}.get(edit.action)
        if event:
            self.event_generate(event)
        return event is not None


class Field(tk.Widget):
    """What single-line and multi-line fields have in common. `secret`: nothing is ever copied out
    of the field, and moving by words does not reveal where they are."""

    secret = False
    _theme: Theme
    _own: str  # Tk's own command of the widget

    def _equip(self, theme: Theme) -> None:
        self._theme = theme
        self._edits: dict[str, Callable[[], object]] = {
            "paste": self.paste,
            "erase_word_before": lambda: self._erase("<<SelectPrevWord>>"),
            "erase_word_after": lambda: self._erase("<<SelectNextWord>>"),
        }
        self._menu: tk.Menu | None = None
        self.word = tips.Word(self, theme)
        _give_edits(self)
        self.bind("<<Paste>>", self._breaking(self.paste))
        self.bind("<<ContextMenu>>", self._open_menu)
        for sequence in ("<Shift-F10>", *(() if chords.SYSTEM == "aqua" else ("<Menu>",))):
            self.bind(sequence, self._open_menu_below)
        self._watch()

    def do(self, edit: keys.Edit) -> bool:
        if self.secret and edit.action in _TAKES_OUT:
            self.bell()
        elif edit.action in self._edits:
            self._edits[edit.action]()
        else:
            self.event_generate(self._whole(edit.virtual))
        return True

    def paste(self) -> None:
        """Replaces the selection, as everywhere except in Tk on X11."""
        try:
            text = self.clipboard_get()
        except tk.TclError:
            return  # nothing there, or not text
        self.put_in(text)

    def put_in(self, text: str) -> None:
        """Replaces the selection, or inserts at the cursor; or else tells the person why not."""
        raise NotImplementedError

    def has_selection(self) -> bool:
        raise NotImplementedError

    def say(self, text: str) -> None:
        """A short note just below the field, until the person carries on."""
        self.word.say(text)

    def _inserting(self, index: str, text: str) -> None:
        raise NotImplementedError

    def _deleting(self, *place: str) -> None:
        self._call("delete", *place)

    def _erase(self, selecting: str) -> None:
        """The selection or, without one, what the event would select."""
        if not self.has_selection():
            self.event_generate(self._whole(selecting))
        if self.has_selection():
            self._deleting("sel.first", "sel.last")

    def _whole(self, virtual: str) -> str:
        """A secret counts as one word."""
        if not self.secret:
            return virtual
        return virtual.replace("PrevWord", "LineStart").replace("NextWord", "LineEnd")

    @staticmethod
    def _breaking(act: Callable[[], object]) -> Callable[[object], str]:
        def handle(_event: object) -> str:
            act()
            return "break"

        return handle

    # --- Tk's command ------------------------------------------------------------------

    def _watch(self) -> None:
        name = str(self)
        self._own = f"{name}::own"
        self.tk.call("rename", name, self._own)
        self.tk.eval(_WATCHED.format(name=name, own=self._own, ask=self.register(self._asked)))
        # The procedure is no part of the widget, so nobody else would remove it.
        self.tk.eval(f"bind {name} <Destroy> {{+catch {{rename {name} {{}}}}}}")

    def _asked(self, command: str, *arguments: str) -> None:
        if command == "insert":
            self._inserting(*arguments[:2])
        else:
            self._deleting(*arguments)

    def _call(self, *words: str) -> str:
        return str(self.tk.call(self._own, *words))

    # --- the menu ------------------------------------------------------------------------

    def _open_menu(self, event: tk.Event[Any]) -> str:
        self.focus_set()
        self.menu().tk_popup(event.x_root, event.y_root)
        return "break"

    def _open_menu_below(self, _event: object) -> str:
        """For the keyboard."""
        self.menu().tk_popup(self.winfo_rootx(), self.winfo_rooty() + self.winfo_height())
        return "break"

    def menu(self) -> tk.Menu:
        if self._menu is None:
            self._menu = tk.Menu(self, tearoff=False)
        menu = self._menu
        menu.delete(0, "end")
        menu.configure(**self._theme.menu_options())
        for group in _MENU:
            if group is not _MENU[0]:
                menu.add_separator()
            for edit in keys.EDITS:
                if edit.action in group:
                    self._add(menu, edit)
        return menu

    def _add(self, menu: tk.Menu, edit: keys.Edit) -> None:
        possible = edit.action not in _TAKES_OUT or (self.has_selection() and not self.secret)
        menu.add_command(label=edit.title, command=lambda: self.do(edit),
                         accelerator=keys.label(edit.on()[0]),
                         state="normal" if possible else "disabled")  # fmt: skip


class LineField(Field, ttk.Entry):
    """One line of at most FIELD_CHARACTERS_MAX; what does not fit stays out, and a tip says why."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, *, secret: bool = False, **options: Any
    ) -> None:
        if secret:  # what is selected in it is not for other programs
            options = {"show": "•", "exportselection": False, **options}
        self._make(parent, **options)
        self.secret = secret
        self._history = History()
        self._equip(theme)
        self._edits |= {
            "undo": lambda: self._put_back(self._history.undo(self._content)),
            "redo": lambda: self._put_back(self._history.redo(self._content)),
            "select_all": lambda: self.event_generate("<<SelectAll>>"),
            "text_start": lambda: self.event_generate("<<LineStart>>"),
            "text_end": lambda: self.event_generate("<<LineEnd>>"),
            "select_text_start": lambda: self.event_generate("<<SelectLineStart>>"),
            "select_text_end": lambda: self.event_generate("<<SelectLineEnd>>"),
        }

    def _make(self, parent: tk.Misc, **options: Any) -> None:
        ttk.Entry.__init__(self, parent, **options)

    def fill(self, text: str) -> None:
        """Set by the program as a starting point: undo does not go back beyond it."""
        self._put_back(Content(text, len(text)))
        self._history.clear()

    def has_selection(self) -> bool:
        return bool(self.selection_present())

    def put_in(self, text: str) -> None:
        taken, word = typed.single_line(text, secret=self.secret)
        if not taken or self._is_too_long(taken, instead_of=self._selected()):
            return
        if self.has_selection():
            self._deleting("sel.first", "sel.last")
        self._inserting("insert", taken)
        if word:
            self.say(word)

    def _selected(self) -> str:
        if not self.has_selection():
            return ""
        return self.get()[self.index("sel.first") : self.index("sel.last")]

    def _inserting(self, index: str, text: str) -> None:
        taken, word = typed.single_line(text, secret=self.secret)
        if not taken or self._is_too_long(taken):
            return
        kind = Kind.TYPED if len(taken) == 1 and not taken.isspace() else Kind.PUT_IN
        self._change(kind, "insert", index, taken)
        if word:
            self.say(word)

    def _deleting(self, *place: str) -> None:
        self._change(Kind.ERASED, "delete", *place)

    def _is_too_long(self, text: str, *, instead_of: str = "") -> bool:
        length = len(self.get()) - len(instead_of) + len(text)
        if length > FIELD_CHARACTERS_MAX:
            self.say(f"Too long for this field: {length:,} of {FIELD_CHARACTERS_MAX:,} characters.")
        return length > FIELD_CHARACTERS_MAX

    def _change(self, kind: Kind, *words: str) -> None:
        before = self._content
        self._call(*words)
        after = self._content
        self.tk.call("ttk::entry::See", str(self))
        if after.text != before.text:
            self._history.changed(before, after, kind)
            self.event_generate(CHANGED)

    def _put_back(self, content: Content | None) -> None:
        if content is None:
            return
        self._call("delete", "0", "end")
        self._call("insert", "0", content.text)
        self.icursor(content.cursor)
        self.tk.call("ttk::entry::See", str(self))
        self.event_generate(CHANGED)

    @property
    def _content(self) -> Content:
        return Content(self.get(), self.index("insert"))


class NumberField(LineField, ttk.Spinbox):
    """A number that can also be typed."""

    def _make(self, parent: tk.Misc, **options: Any) -> None:
        ttk.Spinbox.__init__(self, parent, **options)


class WritingField(Field, tk.Text):
    """A message of at most TEXT_BYTES_MAX, however it is entered. `on_too_long` receives whatever
    would exceed that; none of it is in the field yet."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, on_too_long: Callable[[str], None], **options: Any
    ) -> None:
        tk.Text.__init__(self, parent, undo=True, **options)
        self._on_too_long = on_too_long
        self._equip(theme)
        self._edits |= {
            "select_all": lambda: self.tag_add("sel", "1.0", "end - 1 chars"),
            "text_start": lambda: self.tk.call("tk::TextSetCursor", str(self), "1.0"),
            "text_end": lambda: self.tk.call("tk::TextSetCursor", str(self), "end - 1 chars"),
            "select_text_start": lambda: self.tk.call("tk::TextKeySelect", str(self), "1.0"),
            "select_text_end": lambda: self.tk.call(
                "tk::TextKeySelect", str(self), "end - 1 chars"
            ),
        }

    @property
    def value(self) -> str:
        return self.get("1.0", "end - 1 chars")

    def has_selection(self) -> bool:
        return bool(self.tag_ranges("sel"))

    def room(self, *, instead_of_selection: bool = False) -> int:
        """In bytes."""
        taken = typed.size(self.value)
        if instead_of_selection and self.has_selection():
            taken -= typed.size(self.get("sel.first", "sel.last"))
        return TEXT_BYTES_MAX - taken

    def with_text(self, text: str) -> str:
        """The whole text, had `text` been inserted."""
        first, last = ("sel.first", "sel.last") if self.has_selection() else ("insert", "insert")
        return self.get("1.0", first) + text + self.get(last, "end - 1 chars")

    def put_in(self, text: str) -> None:
        if self.cget("state") == "disabled":
            return
        text = typed.sound(text)
        if typed.size(text) > self.room(instead_of_selection=True):
            self._on_too_long(text)
            return
        separate = bool(self.cget("autoseparators"))
        self.configure(autoseparators=False)  # all of it is one undo step
        self.edit_separator()
        if self.has_selection():
            self._deleting("sel.first", "sel.last")
        self._call("insert", "insert", text)
        self.edit_separator()
        self.configure(autoseparators=separate)
        self.see("insert")

    def _inserting(self, index: str, text: str) -> None:
        if self.cget("state") == "disabled":
            return
        text = typed.sound(text)
        if typed.size(text) > self.room():
            self._on_too_long(text)
        else:
            self._call("insert", index, text)

"""The status strip at the bottom and the window that shows every server of the cluster."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk

from chat.client.events import ClusterChanged, ServerInfo
from chat.ui import keys, tips, words
from chat.ui.dialogs import Dialog
from chat.ui.later import Later
from chat.ui.look.theme import Theme

GOOD_ROLES = ("leader", "backup")
REFRESH_MS = 1_000


def role_colour(server: ServerInfo, theme: Theme) -> str:
    colours = theme.palette
    if server.role in GOOD_ROLES:
        return colours.good
    return colours.danger if server.role in ("down", "out") else colours.muted


class StatusStrip(ttk.Frame):
    """`● 1 down · ● 2 leader · ● 3 backup` on the left, who is connected to which server on the
    right."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, on_click: Callable[[], None],
        on_outbox: Callable[[], None],
    ) -> None:  # fmt: skip
        super().__init__(parent, style="Panel.TFrame", padding=(14, 4))
        self._theme, self._on_click = theme, on_click
        self._cluster: ClusterChanged | None = None
        self._servers = ttk.Frame(self, style="Panel.TFrame", cursor="hand2")
        self._servers.pack(side="left")
        self._right = ttk.Label(self, style="PanelMuted.TLabel")
        self._right.pack(side="right")
        self.outbox = ttk.Button(self, style="PanelLink.TButton", command=on_outbox)
        self._servers.bind("<Button-1>", lambda _e: on_click())
        tips.attach(self._servers, theme, f"Server status ({keys.hint('cluster')})")
        self.show_cluster(None)

    @property
    def text(self) -> str:
        return words.cluster_line(self._cluster) if self._cluster else ""

    @property
    def connection(self) -> str:
        return str(self._right.cget("text"))

    def show_cluster(self, cluster: ClusterChanged | None) -> None:
        """Redrawn only where it differs: a label under the mouse must not flicker."""
        before, self._cluster = self.text, cluster
        if before and before == self.text:
            return
        self.restyle()

    def restyle(self) -> None:
        for child in self._servers.winfo_children():
            child.destroy()
        muted = self._theme.palette.muted
        servers = self._cluster.servers if self._cluster else ()
        if not servers:
            self._add("Looking for servers…", muted)
        for place, server in enumerate(servers):
            if place:
                self._add("  ·  ", muted)
            self._add(f"● {words.server_label(server)}", role_colour(server, self._theme))

    def show_connection(self, text: str) -> None:
        self._right.configure(text=text)

    def show_outbox(self, waiting: int, failed: int) -> None:
        parts = [f"{waiting} waiting"] if waiting else []
        parts += [f"{failed} not sent"] if failed else []
        self.outbox.configure(text=", ".join(parts))
        if parts:
            self.outbox.pack(side="right", padx=(self._theme.px(12), 0), before=self._right)
        else:
            self.outbox.pack_forget()

    def _add(self, text: str, colour: str) -> None:
        label = ttk.Label(self._servers, text=text, style="Panel.TLabel", foreground=colour)
        label.pack(side="left")
        label.bind("<Button-1>", lambda _e: self._on_click())


class ClusterWindow(Dialog):
    """A card per server; asks for fresh figures once a second while open."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, refresh: Callable[[], None],
        period_ms: int = REFRESH_MS,
    ) -> None:  # fmt: skip
        super().__init__(parent, theme, "Servers")
        self._refresh = refresh
        self._again = Later(self, self._tick, period_ms)
        self.explanation = ttk.Label(self.body, wraplength=theme.px(600), justify="left")
        self.explanation.configure(text="Contacting the servers…")
        self.explanation.pack(anchor="w", pady=(0, theme.px(12)))
        self._rows = ttk.Frame(self.body)
        self._rows.pack(fill="both", expand=True)
        self._rows.columnconfigure(0, weight=1)
        self.cards: dict[int, ServerCard] = {}
        self.add_close()
        self._tick()

    def show(self, cluster: ClusterChanged) -> None:
        headline, explanation = words.cluster_headline(cluster)
        self.headline.configure(text=headline)
        self.explanation.configure(text=explanation)
        for server_id in set(self.cards) - {server.server_id for server in cluster.servers}:
            self.cards.pop(server_id).destroy()
        for place, server in enumerate(cluster.servers):
            if server.server_id not in self.cards:
                self.cards[server.server_id] = ServerCard(self._rows, self.theme)
            card = self.cards[server.server_id]
            card.grid(row=place, column=0, sticky="ew", pady=(0, self.theme.px(8)))
            card.show(server)

    def _tick(self) -> None:
        self._refresh()
        self._again.ask()


class ServerCard(ttk.Frame):
    """One server: its name and role, its figures, and what to do if something is wrong."""

    FIGURES = ("View", "Log index", "Last heartbeat")

    def __init__(self, parent: tk.Misc, theme: Theme) -> None:
        super().__init__(parent, style="Panel.TFrame", padding=(theme.px(16), theme.px(10)))
        self._theme = theme
        self.columnconfigure(1, weight=1)
        self._dot = ttk.Label(self, style="PanelText.TLabel", text="●")
        self._dot.grid(row=0, column=0, padx=(0, theme.px(8)))
        self.name = ttk.Label(self, style="PanelBold.TLabel")
        self.name.grid(row=0, column=1, sticky="w")
        self.address = ttk.Label(self, style="PanelMuted.TLabel", width=24)
        self.address.grid(row=1, column=1, sticky="w")
        self.figures: dict[str, ttk.Label] = {}
        for column, title in enumerate(self.FIGURES, 2):
            heading = ttk.Label(self, style="PanelMuted.TLabel", text=title)
            heading.grid(row=0, column=column, sticky="w", padx=(theme.px(24), 0))
            value = ttk.Label(self, style="PanelText.TLabel", width=(6, 11, 12)[column - 2])
            value.grid(row=1, column=column, sticky="w", padx=(theme.px(24), 0))
            self.figures[title] = value
        self.detail = ttk.Label(self, style="PanelText.TLabel", wraplength=theme.px(580),
                                justify="left")  # fmt: skip
        self.detail.grid(row=2, column=1, columnspan=4, sticky="w", pady=(theme.px(4), 0))

    def show(self, server: ServerInfo) -> None:
        self._dot.configure(foreground=role_colour(server, self._theme))
        self.name.configure(text=f"Server {server.server_id} – {words.role(server)}")
        self.address.configure(text=server.address)
        log = f"{server.log_index:,}" if server.log_index else "–"
        for title, value in zip(
            self.FIGURES, (server.view or "–", log, words.last_heartbeat(server)), strict=True
        ):
            self.figures[title].configure(text=str(value))
        text = " ".join((server.detail, words.advice(server))).strip()
        self.detail.configure(text=text)
        if text:
            self.detail.grid()
        else:
            self.detail.grid_remove()

"""The left side of the window: what all stages share, the list of stages, and the fields of the one that is chosen."""

from __future__ import annotations

import tkinter
from collections.abc import Callable
from dataclasses import dataclass, field
from tkinter import ttk

from fields import Field, fields_of

from engine import Catalog, RunConfig, StageConfig, StageExecution, StageExecutionPlan

#: Fields that a new stage shows at once, where its type has them; the others are a keystroke away.
FIRST = ("denoising_strength", "upscaler_name", "upscale_factor", "adetailer_model")
BASE = ("negative_prompt", "model_name", "width", "height", "steps", "cfg_scale", "seed", "sampler_name")
START = {"upscaler_name": "Lanczos", "adetailer_model": "face_yolov8n.pt", "denoising_strength": "0.35"}


@dataclass
class Stage:
    """A stage as it is being edited: what stands in its form."""

    kind: str
    enabled: bool = True
    texts: dict[str, str] = field(default_factory=dict)


class Form(ttk.Frame):
    """Fields in one or more columns, each with its name and something to type in or to choose from."""

    def __init__(self, parent: tkinter.Misc, on_change: Callable[[str, str], object], columns: int = 1) -> None:
        super().__init__(parent)
        for column in range(columns):
            self.columnconfigure(2 * column + 1, weight=1, uniform="boxes")
        self._on_change, self._columns = on_change, columns
        self.boxes: dict[str, ttk.Entry] = {}

    def show(self, fields: list[Field], texts: dict[str, str]) -> None:
        """Show these fields and no others."""
        for child in self.winfo_children():
            child.destroy()
        self.boxes = {}
        for number, known in enumerate(fields):
            row, column = divmod(number, self._columns)
            ttk.Label(self, text=known.name).grid(row=row, column=2 * column, sticky="w", padx=(0, 6), pady=1)
            text = tkinter.StringVar(self, texts.get(known.name, known.default))
            box: ttk.Entry = ttk.Entry(self, textvariable=text, width=12)
            if known.choices:
                box = ttk.Combobox(self, textvariable=text, values=known.choices, width=12)
            box.grid(row=row, column=2 * column + 1, sticky="ew", padx=(0, 6), pady=1)
            text.trace_add("write", self._changed(known.name, text))
            self.boxes[known.name] = box

    def _changed(self, name: str, text: tkinter.StringVar) -> Callable[..., object]:
        return lambda *_: self._on_change(name, text.get())


class PlanEditor(ttk.Frame):
    """Edits one plan. `plan()` and `base()` give what the engine takes."""

    def __init__(self, parent: tkinter.Misc, catalog: Catalog) -> None:
        super().__init__(parent, padding=8)
        self._catalog = catalog
        self._all = fields_of(catalog)
        self.stages = [Stage("txt2img"), Stage("img2img", texts={"denoising_strength": "0.35"})]
        self._base: dict[str, str] = {name: self._all[name].default for name in BASE}
        self.columnconfigure(0, weight=1)
        self.rowconfigure(6, weight=1)

        ttk.Label(self, text="Prompt", underline=0).grid(row=0, sticky="w")
        self.prompt = tkinter.Text(self, height=4, width=40, wrap="word", undo=True, font="TkTextFont")
        self.prompt.grid(row=1, sticky="ew", pady=(2, 8))
        self.prompt.bind("<Control-a>", _then(lambda: self.prompt.tag_add("sel", "1.0", "end-1c")))  # X11 knows it not
        self.winfo_toplevel().bind("<Alt-p>", lambda _: self.prompt.focus_set())
        # Tab leaves the box, as it leaves every other one.
        self.prompt.bind("<Tab>", lambda event: _go(event.widget.tk_focusNext()))
        self.prompt.bind("<Shift-Tab>", lambda event: _go(event.widget.tk_focusPrev()))
        self.base_form = Form(self, self._base.__setitem__, columns=2)
        self.base_form.show([self._all[name] for name in BASE], self._base)
        self.base_form.grid(row=2, sticky="ew")

        ttk.Label(self, text="Stages").grid(row=3, sticky="w", pady=(12, 2))
        self.list = ttk.Treeview(self, columns=("runs", "kind"), show="headings", height=5, selectmode="browse")
        self.list.heading("runs", text="Runs")
        self.list.heading("kind", text="Type", anchor="w")
        self.list.column("runs", width=50, stretch=False, anchor="center")
        self.list.grid(row=4, sticky="ew")
        self.list.bind("<<TreeviewSelect>>", lambda _: self._show_stage())
        for keys, action in (
            ("<space>", self.toggle),
            ("<Delete>", self.remove),
            ("<Alt-Up>", lambda: self.move(-1)),
            ("<Alt-Down>", lambda: self.move(1)),
        ):
            self.list.bind(keys, _then(action))
        self._buttons().grid(row=5, sticky="ew", pady=(4, 8))

        below = ttk.Frame(self)
        below.grid(row=6, sticky="nsew")
        below.columnconfigure(0, weight=1)
        self.form = Form(below, lambda name, text: self.chosen.texts.__setitem__(name, text))
        self.form.grid(row=0, sticky="ew")
        self.more = ttk.Combobox(below, state="readonly")
        self.more.grid(row=1, sticky="ew", pady=(4, 0))
        self.more.bind("<<ComboboxSelected>>", lambda _: self._add_field())
        self._list_stages(0)

    def _buttons(self) -> ttk.Frame:
        bar = ttk.Frame(self)
        kinds = list(self._catalog.rules.stages)
        self.kind = ttk.Combobox(bar, values=kinds, state="readonly", width=10)
        self.kind.set(kinds[1])
        self.kind.pack(side="left")
        for text, action in (
            ("Add", self.add),
            ("Remove", self.remove),
            ("Up", lambda: self.move(-1)),
            ("Down", lambda: self.move(1)),
            ("On / off", self.toggle),
        ):
            ttk.Button(bar, text=text, command=action, width=len(text) + 1).pack(side="left", padx=(4, 0))
        return bar

    # -- what the engine takes ------------------------------------------------------------------------------

    def plan(self) -> StageExecutionPlan:
        """The plan as it stands. Whether it is in order, the engine says."""
        return StageExecutionPlan(
            tuple(
                StageExecution(self.name_of(index), StageConfig(stage.kind, self._config(stage.texts), stage.enabled))
                for index, stage in enumerate(self.stages)
            )
        )

    def base(self) -> RunConfig:
        """What all stages share."""
        return RunConfig(self._config(self._base), prompt=self.prompt.get("1.0", "end-1c"))

    def name_of(self, index: int) -> str:
        """What a stage is called in events and findings."""
        return f"{index + 1}-{self.stages[index].kind}"

    def _config(self, texts: dict[str, str]) -> dict[str, object]:
        """Empty boxes say nothing."""
        return {name: self._all[name].value(text.strip()) for name, text in texts.items() if text.strip()}

    # -- the list -------------------------------------------------------------------------------------------

    @property
    def index(self) -> int:
        """Which stage is chosen."""
        chosen = self.list.selection()
        return self.list.index(chosen[0]) if chosen else 0

    @property
    def chosen(self) -> Stage:
        """The stage that is chosen; one that belongs to nothing where the list is empty."""
        return self.stages[self.index] if self.stages else Stage("")

    def add(self) -> None:
        """A new stage behind the chosen one."""
        kind = self.kind.get()
        known = fields_of(self._catalog, kind)
        texts = {name: START.get(name, known[name].default) for name in FIRST if name in known}
        at = self.index + 1 if self.stages else 0
        self.stages.insert(at, Stage(kind, texts=texts))
        self._list_stages(at)

    def remove(self) -> None:
        """Take the chosen stage out."""
        if self.stages:
            at = self.index
            del self.stages[at]
            self._list_stages(min(at, len(self.stages) - 1))

    def move(self, by: int) -> None:
        """Move the chosen stage up or down."""
        at, to = self.index, self.index + by
        if 0 <= to < len(self.stages):
            self.stages[at], self.stages[to] = self.stages[to], self.stages[at]
            self._list_stages(to)

    def toggle(self) -> None:
        """Let the chosen stage run, or not."""
        if self.stages:
            self.chosen.enabled = not self.chosen.enabled
            self._list_stages(self.index)

    def choose(self, name: str) -> None:
        """Choose the stage of this name, where there is one."""
        for index, item in enumerate(self.list.get_children()):
            if self.name_of(index) == name:
                self.list.selection_set(item)

    def _list_stages(self, chosen: int) -> None:
        self.list.delete(*self.list.get_children())
        for stage in self.stages:
            self.list.insert("", "end", values=("✓" if stage.enabled else "✗", stage.kind))
        if self.stages:
            item = self.list.get_children()[max(chosen, 0)]
            self.list.selection_set(item)
            self.list.focus(item)
        self._show_stage()

    def _show_stage(self) -> None:
        if not self.stages:
            self.form.show([], {})
            self.more.configure(values=())
            self.more.set("")
            return
        known = fields_of(self._catalog, self.chosen.kind)
        self.form.show([known[name] for name in self.chosen.texts if name in known], self.chosen.texts)
        self.more.configure(values=[name for name in known if name not in self.chosen.texts])
        self.more.set(f"Add a field to {self.name_of(self.index)} …")

    def _add_field(self) -> None:
        name = self.more.get()
        self.chosen.texts[name] = self._all[name].default
        self._show_stage()
        self.form.boxes[name].focus_set()


def _go(widget: tkinter.Misc | None) -> str:
    if widget is not None:
        widget.focus_set()
    return "break"


def _then(action: Callable[[], object]) -> Callable[[object], str]:
    """What a key does, and nothing else does with it."""

    def pressed(_: object) -> str:
        action()
        return "break"

    return pressed

"""The window: the plan on the left, pictures and messages on the right, what goes on below."""

from __future__ import annotations

import queue
import tkinter
from pathlib import Path
from tkinter import filedialog, ttk

from pictures import Gallery
from plan_editor import PlanEditor
from worker import Ended, Message, Planned, Refused, Worker

from engine import Event, Finding, PipelineResult, StageEngineError

#: How often the window looks for messages, in milliseconds.
LOOK = 40


class Window:
    """One window with one worker. Everything here runs in the main thread."""

    def __init__(self, root: tkinter.Tk, worker: Worker, *, url: str = "", backend: str | None = None) -> None:
        self.root, self.worker = root, worker
        self.result: PipelineResult | None = None
        self._closing = self.closed = False
        root.title("A small host of stage-engine")
        root.geometry("1100x760")
        root.minsize(860, 600)
        _style(root)
        root.rowconfigure(0, weight=1)
        root.columnconfigure(0, weight=1)

        panes = ttk.PanedWindow(root, orient="horizontal")
        panes.grid(row=0, column=0, sticky="nsew")
        self.editor = PlanEditor(panes, worker.catalog)
        panes.add(self.editor, weight=0)
        right = ttk.PanedWindow(panes, orient="vertical")
        panes.add(right, weight=1)
        self.gallery = Gallery(right)
        right.add(self.gallery, weight=1)
        self.messages = tkinter.Text(right, height=7, wrap="word", state="disabled", font="TkTextFont", padx=8, pady=6)
        self.messages.tag_configure("error", foreground="#a40000")
        self.messages.tag_configure("hint", foreground="#404040", lmargin1=24, lmargin2=24)
        right.add(self.messages, weight=0)
        self._bottom(url, backend).grid(row=1, column=0, sticky="ew")

        root.bind("<Control-Return>", lambda _: self.run())
        root.bind("<Escape>", lambda _: self.cancel())
        root.bind("<Control-s>", lambda _: self.save())
        root.protocol("WM_DELETE_WINDOW", self.close)
        self.editor.prompt.insert("1.0", "a lighthouse at dusk, long exposure")
        self.editor.prompt.focus_set()
        self.say("Ctrl+Enter runs the plan, Escape stops it, Ctrl+S saves the pictures.")
        self._look()

    def _bottom(self, url: str, backend: str | None) -> ttk.Frame:
        bar = ttk.Frame(self.root, padding=8)
        bar.columnconfigure(1, weight=1)
        ttk.Label(bar, text="Server").grid(row=0, column=0, padx=(0, 4))
        self.url = ttk.Entry(bar, width=20)
        self.url.insert(0, url)
        self.url.grid(row=0, column=1, sticky="ew")
        names = self.worker.catalog.names()
        self.backend = ttk.Combobox(bar, values=names, state="readonly", width=12)
        self.backend.set(names[0] if backend is None else backend)
        self.backend.grid(row=0, column=2, padx=4)
        self.run_button = ttk.Button(bar, text="Run", command=self.run)
        self.cancel_button = ttk.Button(bar, text="Cancel", command=self.cancel, state="disabled")
        self.save_button = ttk.Button(bar, text="Save …", command=self.save, state="disabled")
        for column, button in enumerate((self.run_button, self.cancel_button, self.save_button), start=3):
            button.grid(row=0, column=column, padx=(4, 0))
        self.status = ttk.Label(bar, text="Without an address, the embedded preview draws.", anchor="w")
        self.status.grid(row=1, column=0, columnspan=3, sticky="ew", pady=(6, 0))
        # A bar that is quite full shows as empty; so its end lies a little beyond.
        self.progress = ttk.Progressbar(bar, maximum=1.001)
        self.progress.grid(row=1, column=3, columnspan=3, sticky="ew", padx=(4, 0), pady=(6, 0))
        return bar

    # -- what a person does ---------------------------------------------------------------------------------

    def run(self) -> None:
        """Run the plan as it stands."""
        if self.worker.busy:
            return
        self.gallery.clear()
        self.clear()
        self.result = None
        self._set_busy(True)
        self.status.configure(text="Checking the plan …")
        plan, base = self.editor.plan(), self.editor.base()
        self.worker.start(plan, base, url=self.url.get().strip(), backend=self.backend.get())

    def cancel(self) -> None:
        """Ask the run to stop."""
        if self.worker.busy:
            self.worker.cancel()
            self.cancel_button.configure(state="disabled")
            self.status.configure(text="Stopping …")

    def save(self) -> None:
        """Write the pictures into a folder that the user names."""
        if self.gallery.images and (folder := filedialog.askdirectory(parent=self.root, title="Save the pictures")):
            self.save_to(Path(folder))

    def save_to(self, folder: Path) -> None:
        """Write the pictures into this folder, exactly as they came."""
        try:
            for name, image in self.gallery.images:
                image.save(folder / f"{name}{image.extension}")
        except OSError as problem:
            self.say(f"The pictures cannot be written: {problem}", "error")
        else:
            self.say(f"{_counted(len(self.gallery.images))} saved in {folder}.")

    def close(self) -> None:
        """Stop what goes on, then close."""
        self._closing = True
        self.cancel()  # `_look` closes the window when the run has ended

    # -- what the worker says -------------------------------------------------------------------------------

    def _look(self) -> None:
        try:
            while True:
                self._hear(self.worker.messages.get_nowait())
        except queue.Empty:
            pass
        if self._closing and not self.worker.busy:
            self.closed = True
            self.root.destroy()
        else:
            self.root.after(LOOK, self._look)

    def _hear(self, message: Message) -> None:
        if isinstance(message, Refused):
            self._set_busy(False)
            self.status.configure(text="Nothing was sent. The messages say what to mend.")
            self.explain(message.error)
        elif isinstance(message, Ended):
            self._end(message.result)
        elif isinstance(message, Event):
            self._follow(message)
        elif isinstance(message, Planned):
            for finding in message.run.warnings:
                self._say_finding(finding)

    def _follow(self, event: Event) -> None:
        if event.index is None or event.total == 0:
            return
        done: float = event.index + (1 if event.stage is not None else 0)
        if event.progress is not None:
            done = event.index + (event.progress.call + event.progress.ratio) / event.progress.calls
        self.progress.configure(value=done / event.total)
        if event.stage is None:
            if self.worker.busy and str(self.cancel_button["state"]) != "disabled":
                self.status.configure(text=f"Stage {event.index + 1} of {event.total}: {event.stage_id}")
            return
        for number, image in enumerate(event.stage.images, start=1):
            self.gallery.add(f"{event.stage_id}-{number}", image)
        for finding in event.stage.warnings:
            self._say_finding(finding)

    def _end(self, result: PipelineResult) -> None:
        self.result = result
        self._set_busy(False)
        self.progress.configure(value=1.0 if result.success else self.progress["value"])
        self.status.configure(text=f"{result.status}, {result.duration:.1f} s, {_counted(len(result.images))}")
        self.save_button.configure(state="normal" if self.gallery.images else "disabled")
        if result.error is not None:
            self.explain(result.error)

    # -- messages -------------------------------------------------------------------------------------------

    def explain(self, error: StageEngineError) -> None:
        """Everything that is wrong, each with the way out; the stage that it is about is chosen."""
        for finding in error.findings:
            self._say_finding(finding)
        named = next((finding.stage for finding in error.findings if finding.stage is not None), None)
        if named is not None:
            self.editor.choose(named)

    def _say_finding(self, finding: Finding) -> None:
        where = f"{finding.stage}: " if finding.stage is not None else ""
        self.say(f"{where}{finding.message}", "error" if finding.severity == "error" else "")
        if finding.hint is not None:
            self.say(finding.hint, "hint")

    def say(self, text: str, tag: str = "") -> None:
        """One more line of messages."""
        self.messages.configure(state="normal")
        self.messages.insert("end", f"{text}\n", tag)
        self.messages.configure(state="disabled")
        self.messages.see("end")

    def clear(self) -> None:
        """No messages."""
        self.messages.configure(state="normal")
        self.messages.delete("1.0", "end")
        self.messages.configure(state="disabled")

    def _set_busy(self, busy: bool) -> None:
        self.run_button.configure(state="disabled" if busy else "normal")
        self.cancel_button.configure(state="normal" if busy else "disabled")
        self.save_button.configure(state="disabled")
        if busy:
            self.progress.configure(value=0)


def _counted(pictures: int) -> str:
    return "1 picture" if pictures == 1 else f"{pictures} pictures"


def _style(root: tkinter.Tk) -> None:
    style = ttk.Style(root)
    if "clam" in style.theme_names() and root.tk.call("tk", "windowingsystem") == "x11":
        style.theme_use("clam")  # the others look like 1995 there
    style.configure("Picture.TButton", padding=4, anchor="center")
    style.configure("Horizontal.TProgressbar", background="#4a6984")

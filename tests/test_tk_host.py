"""The Tk host in examples/host, driven as a person does it: in a real window on a virtual display."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HOST = Path(__file__).resolve().parent.parent / "examples" / "host"

if importlib.util.find_spec("tkinter") is None or importlib.util.find_spec("_tkinter") is None:
    pytest.skip("this Python has no tkinter", allow_module_level=True)
if importlib.util.find_spec("PIL") is None:
    pytest.skip("Pillow is not installed (the extra 'cli' has it)", allow_module_level=True)
if "DISPLAY" not in os.environ and shutil.which("Xvfb") is None and sys.platform not in ("win32", "darwin"):
    pytest.skip("there is no display, and no Xvfb to make one", allow_module_level=True)


@pytest.fixture(scope="module")
def display() -> Iterator[None]:
    """A screen: a virtual one where there is Xvfb, else the one that there is."""
    program = shutil.which("Xvfb")
    if program is None:
        yield
        return
    reading, writing = os.pipe()
    server = subprocess.Popen(
        [program, "-displayfd", str(writing), "-screen", "0", "1280x900x24", "-nolisten", "tcp"],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    before = os.environ.get("DISPLAY")
    try:
        with os.fdopen(reading) as answer:
            number = answer.readline().strip()
        assert number, "Xvfb did not start"
        os.environ["DISPLAY"] = f":{number}"
        yield
    finally:
        if before is None:
            os.environ.pop("DISPLAY", None)
        else:
            os.environ["DISPLAY"] = before
        server.terminate()
        server.wait(10)


#: What Tk calls keys that are no letters and no digits.
KEYS = {".": "period", ":": "colon", "/": "slash"}


class Person:
    """Someone at the window: presses keys, waits, and reads."""

    def __init__(self, window: Any) -> None:
        self.window, self.root = window, window.root

    def wait(self, until: Callable[[], object], seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < end, f"waited in vain; the window says: {self.status!r}\n{self.messages}"
            self.root.update()
            time.sleep(0.005)

    def press(self, keys: str, widget: Any = None) -> None:
        at = self.root if widget is None else widget
        at.focus_force()
        self.root.update()
        at.event_generate(keys)
        self.root.update()

    def type(self, text: str, widget: Any) -> None:
        widget.focus_force()
        self.root.update()
        widget.delete(0, "end")
        for letter in text:
            widget.event_generate("<Key>", keysym=KEYS.get(letter, letter))
        self.root.update()

    @property
    def status(self) -> str:
        return str(self.window.status["text"])

    @property
    def messages(self) -> str:
        return str(self.window.messages.get("1.0", "end")).strip()

    @property
    def stages(self) -> list[str]:
        tree = self.window.editor.list
        return [" ".join(map(str, tree.item(item, "values"))) for item in tree.get_children()]

    def wait_for_the_end(self) -> None:
        end = time.monotonic() + 20
        while not self.window.closed and time.monotonic() < end:
            self.root.update()
            time.sleep(0.01)
        assert self.window.closed

    def settle(self) -> None:
        self.wait(lambda: not self.window.worker.busy and "normal" in str(self.window.run_button["state"]))


@pytest.fixture
def person(display: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    import tkinter

    monkeypatch.syspath_prepend(str(HOST))
    from window import Window  # type: ignore[import-not-found]
    from worker import Worker  # type: ignore[import-not-found]

    from engine import Catalog

    root = tkinter.Tk()
    raised: list[BaseException] = []
    monkeypatch.setattr(root, "report_callback_exception", lambda kind, error, trace: raised.append(error))
    window = Window(root, Worker(Catalog()), backend="a1111")
    for name in ("width", "height"):
        box = window.editor.base_form.boxes[name]
        box.delete(0, "end")
        box.insert(0, "64")
    root.update()
    one = Person(window)
    yield one
    window.close()
    one.wait_for_the_end()
    assert raised == []


def test_a_run_by_the_keyboard_shows_its_pictures(person: Person, tmp_path: Path) -> None:
    window = person.window
    person.press("<Control-Return>", window.editor.prompt)
    assert str(window.run_button["state"]) == "disabled"
    person.settle()
    assert window.result.success
    assert [name for name, _ in window.gallery.images] == ["1-txt2img-1", "2-img2img-1"]
    assert person.status.startswith("completed")
    assert float(window.progress["value"]) == 1
    window.save_to(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["1-txt2img-1.png", "2-img2img-1.png"]
    window.save_to(tmp_path / "no such folder")
    assert "cannot be written" in person.messages


def test_the_prompt_is_reached_selected_and_left_by_the_keyboard(person: Person) -> None:
    editor = person.window.editor
    person.press("<Alt-p>", editor.list)
    assert person.root.focus_get() is editor.prompt
    person.press("<Control-a>", editor.prompt)
    assert editor.prompt.get("sel.first", "sel.last") == "a lighthouse at dusk, long exposure"
    person.press("<Tab>", editor.prompt)
    assert person.root.focus_get() is editor.base_form.boxes["negative_prompt"]


def test_stages_are_edited_by_the_keyboard(person: Person) -> None:
    window = person.window
    tree = window.editor.list
    assert person.stages == ["✓ txt2img", "✓ img2img"]
    tree.selection_set(tree.get_children()[1])
    person.press("<space>", tree)
    assert person.stages == ["✓ txt2img", "✗ img2img"]
    person.press("<Alt-Up>", tree)
    assert person.stages == ["✗ img2img", "✓ txt2img"]
    person.press("<Delete>", tree)
    assert person.stages == ["✓ txt2img"]
    window.editor.kind.set("upscale")
    window.editor.add()
    assert person.stages == ["✓ txt2img", "✓ upscale"]
    assert window.editor.form.boxes["upscaler_name"].get() == "Lanczos"
    person.press("<Delete>", tree)
    person.press("<Delete>", tree)
    assert person.stages == []
    person.press("<Delete>", tree)
    person.press("<Control-Return>")
    person.settle()
    assert "no stage that is enabled" in person.messages


def test_what_is_wrong_is_said_with_the_way_out(person: Person) -> None:
    window = person.window
    person.type("many", window.editor.base_form.boxes["steps"])
    window.editor.list.selection_set(window.editor.list.get_children()[1])
    person.root.update()
    window.editor.more.set("resize_mode")
    window.editor.more.event_generate("<<ComboboxSelected>>")
    person.type("strech", window.editor.form.boxes["resize_mode"])
    window.editor.list.selection_set(window.editor.list.get_children()[0])
    person.press("<Control-Return>")
    person.settle()
    assert "steps must be a whole number, not 'many'" in person.messages
    assert "did you mean 'stretch'?" in person.messages
    assert "Nothing was sent" in person.status
    assert window.editor.index == 1  # the stage that it is about
    assert window.gallery.images == []
    person.type("5", window.editor.base_form.boxes["steps"])
    person.type("crop", window.editor.form.boxes["resize_mode"])
    person.press("<Control-Return>")
    person.settle()
    assert window.result.success


def test_escape_stops_a_run_and_keeps_what_was_made(person: Person) -> None:
    window = person.window
    person.press("<Control-Return>")
    person.wait(lambda: window.gallery.images)
    person.press("<Escape>")
    person.settle()
    assert window.result.status == "cancelled"
    assert person.status.startswith("cancelled")
    assert [name for name, _ in window.gallery.images] == ["1-txt2img-1"]
    assert "normal" in str(window.save_button["state"])


def test_a_server_that_is_not_there_is_said(person: Person) -> None:
    window = person.window
    person.type("http://127.0.0.1:9", window.url)
    person.press("<Control-Return>")
    person.settle()
    assert "cannot be reached" in person.messages
    assert window.result is None  # it is asked what it has first, so that nothing was begun
    person.type("nonsense", window.url)
    person.press("<Control-Return>")
    person.settle()
    assert "must begin with http" in person.messages


def test_pictures_flow_anew_when_the_window_changes(person: Person) -> None:
    window = person.window
    person.press("<Control-Return>")
    person.settle()
    rows = {}
    for width in (860, 1270):
        person.root.geometry(f"{width}x700")
        person.wait(lambda width=width: person.root.winfo_width() == width)
        person.root.update()
        rows[width] = [int(button.grid_info()["row"]) for button in window.gallery.buttons]
        assert window.cancel_button.winfo_rootx() + window.cancel_button.winfo_width() <= width
    assert rows == {860: [0, 1], 1270: [0, 0]}
    person.press("<Return>", window.gallery.buttons[0])
    large = [child for child in window.gallery.winfo_children() if child.winfo_class() == "Toplevel"]
    assert [child.title() for child in large] == ["1-txt2img-1 - 64 x 64"]
    person.press("<Escape>", large[0])
    assert not large[0].winfo_exists()


def test_closing_while_a_run_goes_on_stops_it_first(person: Person) -> None:
    window = person.window
    person.press("<Control-Return>")
    person.wait(lambda: window.worker.busy)
    window.close()
    person.wait_for_the_end()
    assert not window.worker.busy


def test_every_field_of_the_engine_has_its_form(person: Person) -> None:
    from fields import fields_of  # type: ignore[import-not-found]

    catalog = person.window.worker.catalog
    assert {"prompt", "steps", "hires_enabled", "refiner_model_name"} <= set(fields_of(catalog, "txt2img"))
    assert "steps" not in fields_of(catalog, "upscale")
    known = fields_of(catalog)
    assert (known["steps"].value("20"), known["cfg_scale"].value("7.5"), known["steps"].value("x")) == (20, 7.5, "x")
    assert (known["tiling"].value("yes"), known["tiling"].value("no"), known["prompt"].value("5")) == (True, False, "5")

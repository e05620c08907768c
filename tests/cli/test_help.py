"""Help: every command's is kept in a file, shows an example that parses, and can be read on a narrow terminal.

Commands are collected from the app itself, so that a new one is held to the same.
"""

from __future__ import annotations

import inspect
import re
import shlex
from typing import Any

import pytest
from rich.text import Text
from syrupy.assertion import SnapshotAssertion
from typer.main import get_command

from engine.cli.app import app
from tests.cli.command import ROOT, Command
from tests.snapshot_files import same_as_file, unused


def commands(command: Any, *names: str) -> dict[tuple[str, ...], Any]:
    """Every command that a person can give, by its words; the app itself is ()."""
    found = {names: command}
    for name, inner in getattr(command, "commands", {}).items():
        if not inner.hidden:
            found |= commands(inner, *names, name)
    return found


COMMANDS = commands(get_command(app))
NAMES = {words: "-".join(words) or "stage-engine" for words in COMMANDS}


def plain(markup: str | None) -> str:
    return Text.from_markup(inspect.cleandoc(markup or "")).plain


def shown_options(command: Any) -> list[Any]:
    return [param for param in command.params if not getattr(param, "hidden", False)]


def examples(command: Any) -> list[str]:
    """The lines that a command's help gives as examples."""
    return re.findall(r"stage-engine [^\n]*", plain(command.epilog))


@pytest.mark.parametrize("words", COMMANDS, ids=NAMES.get)
def test_the_help_is_what_was_agreed(
    command: Command, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], snapshot: SnapshotAssertion
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    text = "".join(f"{line.rstrip()}\n" for line in command(*words, "--help").lines)
    # What typer says of its own options may change with it.
    text = re.sub(r"  --(install|show)-completion\n(      .*\n)*", "", text)
    same_as_file(snapshot, f"help/{NAMES[words]}.txt", text)


def test_no_file_is_left_of_a_command_that_is_gone() -> None:
    assert unused("help", (f"help/{name}.txt" for name in NAMES.values())) == []


@pytest.mark.parametrize("words", COMMANDS, ids=NAMES.get)
def test_the_help_shows_an_example_that_works(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    lines = examples(COMMANDS[words])
    assert lines, "the epilog of a command gives an example that begins with stage-engine"
    for line in lines:
        arguments = shlex.split(line.partition(" | ")[0])[1:]
        assert tuple(arguments[: len(words)]) == words
        known = max((w for w in COMMANDS if w == tuple(arguments[: len(w)])), key=len)
        with COMMANDS[known].make_context(known[-1] if known else "stage-engine", arguments[len(known) :]):
            pass


@pytest.mark.parametrize("words", COMMANDS, ids=NAMES.get)
def test_every_option_says_what_it_does_and_takes(words: tuple[str, ...]) -> None:
    for param in shown_options(COMMANDS[words]):
        assert param.help, param.opts
        assert param.metavar or getattr(param, "is_flag", False), param.opts
    assert COMMANDS[words].help


@pytest.mark.parametrize("width", [20, 40, 100])
@pytest.mark.parametrize("words", COMMANDS, ids=NAMES.get)
def test_the_help_can_be_read_at_every_width(
    command: Command, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    done = command(*words, "--help")
    assert done.code == 0
    assert max(map(len, done.lines)) <= width
    # Nothing is cut off: folded anywhere, every word of it is there.
    said = "".join(done.out.split())
    for param in shown_options(COMMANDS[words]):
        assert "".join(plain(param.help).split()) in said, param.opts
        assert all(name in said for name in param.opts if name.startswith("-")), param.opts

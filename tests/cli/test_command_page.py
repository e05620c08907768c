"""docs/command.md: every command and option stands in it, and every console block shows what really comes out."""

from __future__ import annotations

import io
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.backends.catalog import Catalog
from engine.cli import main
from engine.cli.codes import ExitCode
from engine.preview import preview_of
from tests.cli.command import ROOT, Command
from tests.cli.test_help import COMMANDS, shown_options

PAGE = (ROOT / "docs" / "command.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)


def sections() -> dict[str, str]:
    """The text below each heading of the second level."""
    parts = re.split(r"^## (.+)$", PAGE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def fits(shown: list[str], lines: list[str]) -> bool:
    """Whether these are the lines that are shown; `…` stands for anything, alone in its line for any lines."""
    patterns = ["(?:.*\n)*?" if line == "…" else ".*".join(map(re.escape, line.split("…"))) + r" *\n" for line in shown]
    return re.fullmatch("".join(patterns), "".join(f"{line}\n" for line in lines)) is not None


@pytest.mark.parametrize(
    ("shown", "lines", "right"),
    [
        (["a", "…", "d"], ["a", "b", "c", "d"], True),
        (["a", "…", "d"], ["a", "d"], True),
        (["a…c"], ["abc"], True),
        (["a", "d"], ["a", "b", "d"], False),
        (["a.c"], ["abc"], False),
        ([], ["a"], False),
        (["…"], [], True),
    ],
)
def test_what_fits(shown: list[str], lines: list[str], right: bool) -> None:
    assert fits(shown, lines) == right


def test_the_page_shows_what_comes_out(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One session, beside one preview: what a block makes is there for the next."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    monkeypatch.setenv("COLUMNS", "120")
    assert len(BLOCKS) >= 8
    code: Any = None
    with preview_of(Catalog(), "a1111") as server:
        for block in BLOCKS:
            here = block.replace("http://127.0.0.1:7860", server.url)
            for part in re.split(r"^\$ ", here, flags=re.MULTILINE)[1:]:
                line, *shown = part.splitlines()
                if line == "echo $?":
                    assert shown == [str(code)]
                    continue
                program, *arguments = shlex.split(line)
                assert program == "stage-engine"
                both = io.StringIO()
                monkeypatch.setattr(sys, "stdout", both)
                monkeypatch.setattr(sys, "stderr", both)
                with pytest.raises(SystemExit) as ending:
                    main(arguments)
                code = ending.value.code
                assert fits(shown, both.getvalue().splitlines()), f"$ {line}\n{both.getvalue()}"


@pytest.mark.parametrize("words", [words for words in COMMANDS if len(words) == 1], ids=" ".join)
def test_every_command_has_its_section_with_every_option(words: tuple[str, ...]) -> None:
    (name,) = words
    below = "\n".join(sections().get(name, "").split())
    assert below, f"docs/command.md has a section for every command: write `## {name}`"
    for inner in (known for known in COMMANDS if known[:1] == words):
        for param in shown_options(COMMANDS[inner]):
            if param.param_type_name == "option" and param.opts[0] != "--help":
                assert any(f"`{param.opts[0]}{end}" in below for end in ("`", "\n", " ")), param.opts


def test_the_exit_codes_are_those_of_the_command() -> None:
    told = re.findall(r"^\| (\d+) \| ([A-Z_]+) \|", sections()["Exit codes"], re.MULTILINE)
    assert told == [(str(int(code)), code.name) for code in sorted(ExitCode)]

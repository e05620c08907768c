"""docs/new-backend.md, followed to the letter: its files are written, its commands typed, in the order of the page."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from engine.backends.step_reader import StepReader
from engine.cli.app import app
from engine.documents import parse_yaml
from engine.testing import picture
from engine.testing.scripted import Reply, ScriptedServer, Seen

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "new-backend.md").read_text(encoding="utf-8")
STEPS, MORE = PAGE.split("## Servers that want more")
#: A file with its path, a block of commands, or a block of what a command shows.
PARTS = re.compile(r"(?:^`(?P<path>\S+)`\n\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def draw(seen: Seen) -> Reply:
    """The sketchpad, as the page describes it."""
    assert (seen.method, seen.path) == ("POST", "/draw")
    assert seen.body == {"words": "a lighthouse at dusk", "size": "512x384", "seed": 7}
    return Reply.json({"drawing": picture(512, 384, "drawn").base64, "about": {"seed": 7}})


def typed(line: str, url: str, folder: Path) -> tuple[int, str]:
    program, *arguments = shlex.split(line.replace("http://127.0.0.1:8000", url))
    if program == "pytest":
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout + done.stderr
    assert program == "stage-engine"
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output


def test_from_nothing_to_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = ignore:\\s*Can not relate snapshot\n", "utf-8")
    commands, shown = 0, ""
    with ScriptedServer([draw]) as server:
        for part in PARTS.finditer(STEPS):
            path, language, text = part["path"], part["language"], part["text"]
            if path is not None:
                file = tmp_path / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
            elif language == "console":
                for line in text.splitlines():
                    code, shown = typed(line.removeprefix("$ "), server.url, tmp_path)
                    table = (tmp_path / "my-tables/mappings/sketchpad/txt2img.yaml").read_text(encoding="utf-8")
                    wrong = "a slip of the pen" in table
                    assert (code == 0) is not wrong, (line, shown)
                    commands += 1
            elif commands:
                assert text.strip() in shown
        assert len(server.seen) == 1
    assert commands == 6
    assert [file.suffix for file in sorted((tmp_path / "pictures").glob("*.png"))] == [".png"]
    kept = tmp_path / "my-tables/snapshots/sketchpad/txt2img/plain.json"
    assert json.loads(kept.read_text())[0]["words"] == "a lighthouse"


def test_a_refusal_is_told_in_the_servers_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for part in PARTS.finditer(STEPS):
        if part["path"] is not None:
            file = tmp_path / part["path"]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(part["text"], encoding="utf-8")
    run = next(line for line in STEPS.splitlines() if line.startswith("$ stage-engine run"))
    with ScriptedServer([Reply.json({"problem": "that size is too large"}, 400)]) as server:
        code, shown = typed(run.removeprefix("$ "), server.url, tmp_path)
    assert code != 0
    assert "that size is too large" in " ".join(shown.split())


def snippets() -> list[str]:
    """The steps that the second half shows: in code spans, and indented."""
    words = "auth|submit|fetch|upload|progress|cancel"
    spans = [" ".join(span.split()) for span in re.findall(rf"`((?:{words}): \{{.*?\}})`", MORE, re.DOTALL)]
    indented = re.findall(r"^      look:\n(?:^        .*\n)+", MORE, re.MULTILINE)
    return [*spans, *("\n".join(line[6:] for line in block.splitlines()) for block in indented)]


@pytest.mark.parametrize("text", snippets())
def test_every_step_on_the_page_is_one(text: str) -> None:
    reader = StepReader(parse_yaml(text, "page"))
    steps = reader.stated_steps(yaml.safe_load(text))
    assert [finding for finding in reader.findings if "every" not in finding.message] == []
    assert len(steps) == 1


def test_every_kind_of_step_is_on_the_page() -> None:
    assert len(snippets()) == 8

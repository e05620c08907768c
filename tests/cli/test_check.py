"""`stage-engine check`: its three forms, watching, and the hook that runs it before a commit."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from engine.cli.examination import Examination
from engine.cli.sarif import sarif
from engine.cli.watching import changed, snapshot
from engine.documents import read_document
from engine.errors import Finding, Position
from tests.cli.test_command import ROOT, run


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A folder with tables of one's own, in order."""
    return shutil.copytree(ROOT / "tests" / "own_backend", tmp_path / "mine")


def break_a_row(folder: Path) -> None:
    table = folder / "mappings" / "easel" / "frame.yaml"
    text = table.read_text(encoding="utf-8")
    assert "frame_width" in text
    table.write_text(text.replace("frame_width", "frame_widht"), encoding="utf-8")


# -- forms --------------------------------------------------------------------------------------------------------

#: What SARIF 2.1.0 wants of the parts that are written here, closed so that nothing else is written.
TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
LOCATION = {
    "type": "object",
    "required": ["physicalLocation"],
    "additionalProperties": False,
    "properties": {
        "message": TEXT,
        "physicalLocation": {
            "type": "object",
            "required": ["artifactLocation", "region"],
            "additionalProperties": False,
            "properties": {
                "artifactLocation": {
                    "type": "object",
                    "required": ["uri"],
                    "additionalProperties": False,
                    "properties": {"uri": {"type": "string", "pattern": "^[^ \\\\\\[\\]{}]+$"}},
                },
                "region": {
                    "type": "object",
                    "required": ["startLine", "startColumn"],
                    "additionalProperties": False,
                    "properties": {
                        "startLine": {"type": "integer", "minimum": 1},
                        "startColumn": {"type": "integer", "minimum": 1},
                    },
                },
            },
        },
    },
}
RESULT = {
    "type": "object",
    "required": ["ruleId", "ruleIndex", "level", "message"],
    "additionalProperties": False,
    "properties": {
        "ruleId": {"type": "string"},
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": {"enum": ["none", "note", "warning", "error"]},
        "message": TEXT,
        "locations": {"type": "array", "items": LOCATION},
        "relatedLocations": {"type": "array", "items": LOCATION},
        "properties": {"type": "object"},
    },
}
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "additionalProperties": False,
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "results": {"type": "array", "items": RESULT},
                    "tool": {"properties": {"driver": {"required": ["name", "rules"]}}, "required": ["driver"]},
                },
            },
        },
    },
}


def test_sarif_of_a_broken_row_leads_to_its_line(mine: Path, tmp_path: Path) -> None:
    break_a_row(mine)
    done = run("check", "mine", "--format", "sarif", cwd=tmp_path)
    assert done.returncode == 3
    data = json.loads(done.stdout)
    Draft202012Validator(SARIF).validate(data)
    (one_run,) = data["runs"]
    rules = one_run["tool"]["driver"]["rules"]
    result = next(r for r in one_run["results"] if r["ruleId"] == "row-unknown-field")
    assert rules[result["ruleIndex"]]["id"] == "row-unknown-field"
    assert "Mend:" in rules[result["ruleIndex"]]["help"]["text"]
    assert "did you mean 'frame_width'?" in result["message"]["text"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "mine/mappings/easel/frame.yaml"
    line = (tmp_path / place["artifactLocation"]["uri"]).read_text().splitlines()[place["region"]["startLine"] - 1]
    assert line[place["region"]["startColumn"] - 1 :].startswith("frame_widht")


def test_sarif_of_nothing_wrong_has_no_result(tmp_path: Path) -> None:
    done = run("check", "--format", "sarif", cwd=tmp_path)
    assert done.returncode == 0
    data = json.loads(done.stdout)
    Draft202012Validator(SARIF).validate(data)
    assert data["runs"][0]["results"] == []


def test_sarif_names_files_as_uris(tmp_path: Path) -> None:
    (tmp_path / "with blank").mkdir()
    (tmp_path / "with blank" / "ä.yaml").write_text("a: 1\n")
    here = Finding(
        "row-type", "x", at=Position("with blank/ä.yaml", 1, 1), origin=Position("mappings/request.yaml", 2, 1)
    )
    elsewhere = Finding("no-such-code", "x", at=Position(str(tmp_path.parent / "other.yaml"), 1, 1), severity="warning")
    data: Any = sarif([here, elsewhere, Finding("row-type", "no place")], tmp_path)
    Draft202012Validator(SARIF).validate(data)
    first, second, third = data["runs"][0]["results"]
    assert first["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "with%20blank/%C3%A4.yaml"
    inherited = first["relatedLocations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert inherited == (ROOT / "mappings" / "request.yaml").as_uri()
    assert second["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].startswith("file:///")
    assert second["level"] == "warning"
    assert "locations" not in third
    assert [rule["id"] for rule in data["runs"][0]["tool"]["driver"]["rules"]] == ["row-type", "no-such-code"]


def test_json_is_the_same_by_both_its_names(mine: Path, tmp_path: Path) -> None:
    break_a_row(mine)
    one, other = run("check", mine, "--json", cwd=tmp_path), run("check", mine, "--format", "json", cwd=tmp_path)
    assert one.stdout == other.stdout
    assert one.returncode == other.returncode == 3
    assert {"findings", "plans", "proven", "schema_version", "written"} == json.loads(one.stdout).keys()
    assert run("check", "--json", "--format", "sarif", cwd=tmp_path).returncode == 2


def test_our_own_folder_named_is_our_own_folder(tmp_path: Path) -> None:
    assert run("check", ROOT, cwd=tmp_path).returncode == 0


# -- watching -----------------------------------------------------------------------------------------------------


def test_a_snapshot_sees_files_come_go_and_change(tmp_path: Path) -> None:
    (tmp_path / "mappings" / "b").mkdir(parents=True)
    one, other = tmp_path / "mappings" / "b" / "a.yaml", tmp_path / "schemas.txt"
    one.write_text("a")
    other.write_text("not a table")
    before = snapshot([tmp_path], [])
    assert list(before) == [one]
    one.write_text("ab")
    assert changed(before, snapshot([tmp_path], [])) == [one]
    one.unlink()
    assert changed(before, snapshot([tmp_path], [tmp_path / "gone.yaml"])) == [one]
    assert changed(before, before) == []


class Watching:
    """`check --watch` in a process of its own, its output as it comes."""

    def __init__(self, folder: Path, cwd: Path) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", "engine.cli", "check", str(folder), "--watch"]
        self.process = subprocess.Popen(
            command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.text = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.text += line

    def until(self, wanted: str, start: int = 0) -> str:
        """What has been written from `start` on, when it holds the wanted text."""
        end = time.monotonic() + 30
        while wanted not in self.text[start:]:
            assert time.monotonic() < end, f"{wanted!r} was not written: {self.text}"
            time.sleep(0.02)
        return self.text[start:]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(20)
        self._reader.join()
        return code


@pytest.fixture
def watching(mine: Path, tmp_path: Path) -> Iterator[Watching]:
    process = Watching(mine, tmp_path)
    yield process
    if process.process.poll() is None:
        process.process.kill()
        process.process.wait()
    process._reader.join()
    assert process.process.stdout is not None
    process.process.stdout.close()


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process")
def test_watching_tells_what_a_change_breaks_and_what_it_mends(mine: Path, watching: Watching) -> None:
    first = watching.until("Ctrl-C ends it")
    before = len(first)
    errors = first.count("error[")
    break_a_row(mine)
    told = watching.until("checked in", before)
    assert "frame.yaml changed" in told
    assert "error[row-unknown-field]" in told
    assert "did you mean 'frame_width'?" in told
    assert told.count("error[") < errors + 6, "what was told before is not told again"
    assert "frame_colour can be given" not in told
    before = len(watching.text)
    shutil.copytree(ROOT / "tests" / "own_backend", mine, dirs_exist_ok=True)
    told = watching.until("checked in", before)
    assert re.search(r"mended in \S+frame.yaml: \[row-unknown-field\]", told)
    assert "error[" not in told
    watching.stop()
    assert "Stopped watching." in watching.text
    assert "Traceback" not in watching.text


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process")
def test_watching_ends_with_the_code_of_the_last_check(mine: Path, watching: Watching) -> None:
    watching.until("Ctrl-C ends it")
    assert watching.stop() == 3  # the built-in back end says nothing of the folder's new fields


def test_watching_is_for_people(tmp_path: Path) -> None:
    assert run("check", "--watch", "--json", cwd=tmp_path).returncode == 2


def examined(*findings: Finding, plans: tuple[Path, ...] = (), proven: bool = False) -> Examination:
    return Examination(findings, {"mine": ["txt2img"]} if proven else {}, plans, [], 0.1)


def test_what_was_not_looked_at_is_not_called_mended() -> None:
    wrong = Finding("row-type", "x", at=Position("mappings/a.yaml", 1, 1))
    stale = Finding("contract-stale", "x", at=Position("schemas/table.json", 1, 1))
    plan = Finding("config-value", "x", at=Position("plan.yaml", 1, 1))
    assert not examined(wrong).looked_at(stale)
    assert examined(stale).looked_at(stale)
    assert examined(proven=True).looked_at(stale)
    assert not examined(wrong, plans=(Path("plan.yaml"),)).looked_at(plan)
    assert examined(plans=(Path("plan.yaml"),), proven=True).looked_at(plan)
    assert examined(wrong).looked_at(wrong)


# -- before a commit ----------------------------------------------------------------------------------------------


def hook() -> dict[str, Any]:
    hooks = read_document(ROOT / ".pre-commit-hooks.yaml").value
    assert isinstance(hooks, list)
    (only,) = hooks
    assert isinstance(only, dict)
    return only


def test_the_hook_is_one_that_pre_commit_takes() -> None:
    clientlib = pytest.importorskip("pre_commit.clientlib")
    (only,) = clientlib.load_manifest(str(ROOT / ".pre-commit-hooks.yaml"))
    assert only["id"] == "stage-engine-check"


def test_the_hook_brings_what_the_command_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    needed = [name for name in extras["cli"] if not name.startswith("stage-engine[")]
    assert hook()["additional_dependencies"] == needed


@pytest.mark.parametrize(
    ("file", "runs"),
    [
        ("mappings/mine/txt2img.yaml", True),
        ("tables/schemas/mine/paint.json", True),
        ("mappings/README.md", False),
        ("src/app.py", False),
    ],
)
def test_the_hook_runs_for_tables_and_contracts(file: str, runs: bool) -> None:
    assert bool(re.search(hook()["files"], file)) is runs


def test_the_hook_run_as_pre_commit_runs_it(mine: Path) -> None:
    """From the root of the repository, entry and arguments, without file names."""
    entry = shlex.split(str(hook()["entry"]))
    assert entry[0] == "stage-engine"
    known = run(*entry[1:], *hook()["args"], cwd=mine).stdout
    break_a_row(mine)
    done = run(*entry[1:], *hook()["args"], cwd=mine)
    assert done.returncode == 3
    assert "mappings/easel/frame.yaml" in done.stdout
    assert "row-unknown-field" in done.stdout
    assert "row-unknown-field" not in known

"""The workflows and the action: nothing that may write runs a stranger's code, and their scripts do what they should.

The scripts are run as they stand in the YAML, with a `gh` that notes what it is asked.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.review.sides import EASEL, edited
from tests.review.test_sides import repository

__all__ = ["repository"]

GITHUB = Path(__file__).resolve().parents[2] / ".github"
WORKFLOWS = sorted(GITHUB.glob("workflows/*.yml"))
ACTION = yaml.safe_load((GITHUB / "actions/payload-review/action.yml").read_text(encoding="utf-8"))
BASH = shutil.which("bash")

needs_bash = pytest.mark.skipif(BASH is None or sys.platform == "win32", reason="no bash on this machine")


def read(file: Path) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return found


def triggers(workflow: dict[Any, Any]) -> set[str]:
    return set(workflow[True])  # YAML 1.1 takes the key `on` for true


def steps(workflow: dict[Any, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_what_may_write_runs_nothing_of_a_pull_request(file: Path) -> None:
    workflow = read(file)
    assert "pull_request_target" not in triggers(workflow)
    writes = "write" in workflow["permissions"].values()
    uses = [step["uses"] for step in steps(workflow) if "uses" in step]
    if "pull_request" in triggers(workflow):
        assert not writes
        assert all(step["with"]["persist-credentials"] is False for step in steps(workflow) if "checkout" in str(step))
    if writes:
        assert triggers(workflow) == {"workflow_run"}
        assert not any("checkout" in use or use.startswith("./") for use in uses)


@pytest.mark.parametrize("file", [*WORKFLOWS, GITHUB / "actions/payload-review/action.yml"], ids=lambda file: file.stem)
def test_no_script_reads_an_expression(file: Path) -> None:
    """`${{ … }}` in a script is pasted into it before it runs: a title or a branch's name would be commands."""
    parts = ACTION["runs"]["steps"] if file.name == "action.yml" else steps(read(file))
    for step in parts:
        assert "${{" not in step.get("run", "")


ROW = (EASEL, "words/no: negative_prompt", 'words/no: {from: negative_prompt, replace: {"": none}}')


def script(steps: list[dict[str, Any]], name: str) -> str:
    return next(str(step["run"]) for step in steps if step.get("name") == name)


@needs_bash
@pytest.mark.parametrize(
    ("edits", "fail_on", "code", "verdict"),
    [
        ((), "payloads", 0, "same"),
        ((ROW,), "boundary", 0, "payloads"),
        ((ROW,), "payloads", 10, "payloads"),
        ((("schemas/easel/paint.json", '"maximum": 4294967295', '"maximum": 4294967296'),), "boundary", 11, "boundary"),
        (((EASEL, "words/no: negative_prompt", "words/no: negativ_prompt"),), "never", 3, "invalid"),
    ],
)
def test_the_action_reviews_and_fails_where_it_is_told_to(
    repository: Path, tmp_path: Path, edits: tuple[tuple[str, str, str], ...], fail_on: str, code: int, verdict: str
) -> None:
    edited(repository, *edits)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "BASE": "HEAD",
        "FOLDER": str(repository),
        "FAIL_ON": fail_on,
        "OUTPUT": str(tmp_path / "out"),
        "GITHUB_OUTPUT": str(tmp_path / "outputs"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
    }
    run = script(ACTION["runs"]["steps"], "Review")
    done = subprocess.run([str(BASH), "-eo", "pipefail", "-c", run], env=environment, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    assert (tmp_path / "outputs").read_text(encoding="utf-8") == f"verdict={verdict}\n"
    assert (tmp_path / "summary").read_text(encoding="utf-8").startswith("<!-- stage-engine review -->")
    assert (tmp_path / "out/review.html").is_file()


GH = """\
#!/bin/sh
echo "$@" >>"$CALLS"
case "$*" in
  *pulls/*) echo "$HEAD" ;;
  *--paginate*) [ -z "$OLD" ] || echo "$OLD" ;;
esac
"""
MARK = "<!-- stage-engine review -->"


@needs_bash
@pytest.mark.parametrize(
    ("text", "number", "head", "old", "code", "last"),
    [
        (f"{MARK}\nbody", "7", "abc", "", 0, "api --method POST repos/o/r/issues/7/comments"),
        (f"{MARK}\nbody", "7", "abc", "41", 0, "api --method PATCH repos/o/r/issues/comments/41"),
        (f"{MARK}\nbody", "7", "moved", "", 0, "api repos/o/r/pulls/7 --jq .head.sha"),
        ("a comment of somebody's own", "7", "abc", "", 0, None),
        (f"{MARK}\nbody", "7; rm -rf /", "abc", "", 1, None),
        (f"{MARK}\n{'x' * 70_000}", "7", "abc", "", 1, None),
    ],
)
def test_the_comment_is_posted_once_and_then_updated(
    tmp_path: Path, text: str, number: str, head: str, old: str, code: int, last: str | None
) -> None:
    (tmp_path / "payload-review").mkdir()
    (tmp_path / "payload-review/review.md").write_text(text, encoding="utf-8")
    (tmp_path / "payload-review/number").write_text(f"{number}\n", encoding="utf-8")
    gh = tmp_path / "bin/gh"
    gh.parent.mkdir()
    gh.write_text(GH, encoding="utf-8")
    gh.chmod(gh.stat().st_mode | stat.S_IEXEC)
    calls = tmp_path / "calls"
    environment = {
        **os.environ,
        "PATH": f"{gh.parent}{os.pathsep}{os.environ['PATH']}",
        "CALLS": str(calls),
        "HEAD": head,
        "OLD": old,
        "REPOSITORY": "o/r",
        "COMMIT": "abc",
    }
    run = script(steps(read(GITHUB / "workflows/payload-review-comment.yml")), "Write the comment, or update it")
    done = subprocess.run([str(BASH), "-e", "-c", run], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    made = calls.read_text(encoding="utf-8").splitlines() if calls.exists() else []
    if last is None:
        assert made == []
    else:
        assert made[-1].startswith(last)

"""What the pages tell to type works, and gives what they show: getting started, testing, review."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine import testing
from engine.cli.app import app
from tests.review.sides import EASEL, edited, lay_out
from tests.review.test_sides import git, repository

__all__ = ["repository"]

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


def blocks(page: str, language: str) -> list[str]:
    """Every fenced block of a language in a page."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def commands(page: str, program: str) -> list[list[str]]:
    """The arguments of every command of a program that a page tells to type."""
    lines = (line.removeprefix("$ ") for block in blocks(page, "console") for line in block.splitlines())
    return [shlex.split(line)[1:] for line in lines if line.startswith(f"{program} ")]


def test_getting_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    (plan,) = blocks("getting-started.md", "yaml")
    (tmp_path / "first.yaml").write_text(plan, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    typed = [arguments for arguments in commands("getting-started.md", "stage-engine") if "--url" not in arguments]
    assert len(typed) == 4
    for arguments in typed:
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, (arguments, done.output)
    assert len(list((tmp_path / "pictures/first").glob("*.png"))) == 2
    assert (tmp_path / "pictures/portrait/manifest.json").is_file()


def test_testing_your_own_tables(tmp_path: Path) -> None:
    lay_out(tmp_path / "my-tables")
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = ignore:\\s*Can not relate snapshot\n", "utf-8")
    plain, _, conversation = blocks("testing.md", "yaml")
    (tmp_path / "my-tables/cases/txt2img/plain.yaml").write_text(plain, encoding="utf-8")
    (tmp_path / "my-tables/cases/easel/txt2img").mkdir(parents=True)
    (tmp_path / "my-tables/cases/easel/txt2img/fewer.yaml").write_text(conversation, encoding="utf-8")

    def pytest_(*arguments: str) -> str:
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        return done.stdout + done.stderr

    for arguments in commands("testing.md", "pytest"):
        assert " failed" not in pytest_(*arguments)
    (shown,) = (text for text in blocks("testing.md", "text") if "is not what" in text)
    edited(
        tmp_path / "my-tables",
        (EASEL, "words/no: negative_prompt", 'words/no: {from: negative_prompt, replace: {"": none}}'),
    )
    told = pytest_("-q", "--mappings", "my-tables").replace(f"{tmp_path.as_posix()}/", "")
    assert shown in told

    (tmp_path / "test_own.py").write_text(blocks("testing.md", "python")[0], encoding="utf-8")
    assert " failed" not in pytest_("-q", "--snapshot-update", "test_own.py")
    assert "8 passed" in pytest_("-q", "test_own.py")


def test_what_engine_testing_has_is_shown_and_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(tmp_path / "my-tables")
    monkeypatch.chdir(tmp_path)
    examples = blocks("testing.md", "python")
    for example in examples[1:]:
        names: dict[str, object] = {}
        exec(compile(example, "testing.md", "exec"), names)
        for name, test in names.items():
            if name.startswith("test_") and callable(test):
                test()
    shown = set(re.findall(r"\w+", "\n".join(examples)))
    prose = (DOCS / "testing.md").read_text(encoding="utf-8")
    assert [name for name in testing.__all__ if name not in shown and f"`{name}`" not in prose] == []
    assert set(testing.__all__) - shown <= {"PayloadSnapshot"}, "what its fixture is"


def test_what_an_edit_changes(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edited(repository, (EASEL, "words/no: negative_prompt", 'words/no: {from: negative_prompt, replace: {"": none}}'))
    git(repository, "tag", "v1.0")
    git(repository, "tag", "v1.1")
    shutil.copytree(repository, repository.parent / "old-folder")
    shutil.move(repository.parent / "old-folder", repository / "old-folder")
    shutil.copytree(repository / "old-folder", repository / "new-folder")
    monkeypatch.chdir(repository)
    first, *others = commands("review.md", "stage-engine")
    (shown,) = blocks("review.md", "text")
    done = CliRunner().invoke(app, first)
    assert done.exit_code == 10
    assert done.stdout.strip() == shown.strip()
    for arguments in others:
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, (arguments, done.output)

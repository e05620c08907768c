"""Sides from git: a revision is taken out as plain files and nothing of it is run; the command's exit codes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli.app import app
from engine.errors import StageEngineError
from engine.review.sides import open_side
from tests.review.sides import EASEL, edited, lay_out


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose folder `tables` holds the made-up back ends, committed once."""
    folder = lay_out(tmp_path / "repository/tables")
    git(tmp_path / "repository", "init", "--quiet", "--initial-branch=main")
    git(tmp_path / "repository", "add", ".")
    git(tmp_path / "repository", "commit", "--quiet", "-m", "first")
    return folder


def test_a_revision_holds_the_files_as_they_were_below_the_folder(repository: Path) -> None:
    edited(repository, (EASEL, "words/no: negative_prompt", "words/no: prompt"))
    with open_side("HEAD", repository) as side:
        assert "words/no: negative_prompt" in (side.folder / EASEL).read_text(encoding="utf-8")
        assert sorted(path.name for path in side.folder.iterdir()) == ["cases", "mappings", "schemas"]
        taken = side.folder
    assert not taken.exists()
    with open_side(None, repository) as side:
        assert "words/no: prompt" in (side.folder / EASEL).read_text(encoding="utf-8")


def test_links_in_a_revision_are_not_followed(repository: Path) -> None:
    (repository / "mappings/easel/link.yaml").symlink_to("/etc/hostname")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "a link")
    with open_side("HEAD", repository) as side:
        assert not (side.folder / "mappings/easel/link.yaml").exists()


@pytest.mark.parametrize("name", ["no-such", "--output=/tmp/x", "-x", "HEAD~9", ""])
def test_a_name_that_is_no_side_is_refused(repository: Path, name: str) -> None:
    with (
        pytest.raises(StageEngineError, match="neither a folder nor a revision") as caught,
        open_side(name, repository),
    ):
        pass
    assert caught.value.code == "review-side"


def test_a_side_without_tables_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StageEngineError, match="holds no mappings/") as caught, open_side(str(tmp_path), tmp_path):
        pass
    assert caught.value.code == "review-side"


@pytest.mark.parametrize(
    ("edits", "code"),
    [
        ((), 0),
        (((EASEL, "words/no: negative_prompt", 'words/no: {from: negative_prompt, replace: {"": none}}'),), 10),
        ((("schemas/easel/paint.json", '"maximum": 4294967295', '"maximum": 4294967296'),), 11),
        (((EASEL, "words/no: negative_prompt", "words/no: negativ_prompt"),), 3),
    ],
)
def test_the_exit_code_says_what_was_found(
    repository: Path, edits: tuple[tuple[str, str, str], ...], code: int
) -> None:
    edited(repository, *edits)
    done = CliRunner().invoke(app, ["review", "HEAD", "--root", str(repository), "--json"])
    assert done.exit_code == code, done.output
    assert json.loads(done.stdout)["verdict"] == {0: "same", 10: "payloads", 11: "boundary", 3: "invalid"}[code]


def test_a_wrong_name_on_the_command_line_is_a_matter_of_usage(repository: Path) -> None:
    done = CliRunner().invoke(app, ["review", "no-such", "--root", str(repository)])
    assert done.exit_code == 2
    assert "neither a folder nor a revision" in done.stderr


def test_what_is_asked_for_is_written(repository: Path, tmp_path: Path) -> None:
    edited(repository, ("cases/txt2img/plain.yaml", "a cat", "a dog"))
    page, comment = tmp_path / "out/review.html", tmp_path / "out/review.md"
    arguments = ["review", "main", "--root", str(repository), "--html", str(page), "--markdown", str(comment)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 10
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert comment.read_text(encoding="utf-8").startswith("<!-- stage-engine review -->")
    assert "the case txt2img/plain was edited" in done.stdout

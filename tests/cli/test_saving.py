"""Folders for runs: one run each, nothing overwritten, nothing left of a run that made nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.cli.saving import claim_folder, release_folder


def test_a_run_that_has_just_begun_has_its_folder_for_itself(tmp_path: Path) -> None:
    wanted = tmp_path / "pictures" / "plan"
    first, second = claim_folder(wanted), claim_folder(wanted)
    assert (first, second) == (wanted, wanted.with_name("plan-2"))
    (second / "a.png").touch()
    for folder in (first, second):
        release_folder(folder)
    assert not first.exists()
    assert [file.name for file in second.iterdir()] == ["a.png"]


def test_an_empty_folder_that_was_there_is_taken(tmp_path: Path) -> None:
    wanted = tmp_path / "mine"
    wanted.mkdir()
    assert claim_folder(wanted) == wanted


@pytest.mark.parametrize("in_the_way", ["a file", "a folder with something"])
def test_what_is_in_the_way_is_left_alone(tmp_path: Path, in_the_way: str) -> None:
    wanted = tmp_path / "plan"
    if in_the_way == "a file":
        wanted.touch()
    else:
        wanted.mkdir()
        (wanted / "theirs.png").touch()
    assert claim_folder(wanted) == tmp_path / "plan-2"


def test_runs_that_start_at_once_get_a_folder_each(tmp_path: Path) -> None:
    wanted = tmp_path / "plan"
    wanted.mkdir()
    with ThreadPoolExecutor(8) as several:
        folders = list(several.map(lambda _: claim_folder(wanted), range(24)))
    assert len(set(folders)) == 24

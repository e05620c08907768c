"""Cases in tests: all of a folder for one parametrised test, and each held against the file that keeps its payloads.

    import pytest
    from engine.testing import load_cases

    @pytest.mark.parametrize("case", load_cases("my-tables"))
    def test_a_case_is_what_it_was(case, payload_snapshot):
        payload_snapshot(case)

This module knows pytest and syrupy; it is imported by tests only.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from engine.cases import BuiltCase
from engine.testing.snapshots import matches_file
from engine.testing.tables import CaseRun, TablesUnderTest

__all__ = ["PayloadSnapshot", "load_cases"]


def load_cases(folder: Path | str | TablesUnderTest) -> list[Any]:
    """Every case of a folder with every back end that runs it, as parameters for one test.

    Each is marked `backend(name=…)` and `stage(type=…)`, so that `-m` can choose. Raises TableError where the folder's
    rules or a case file cannot be read; a back end that is not proven is told by the tests of its cases.
    """
    tables = folder if isinstance(folder, TablesUnderTest) else TablesUnderTest(Path(folder).resolve())
    return [
        pytest.param(
            run, id=str(run), marks=(pytest.mark.backend(name=run.backend), pytest.mark.stage(type=run.case.stage_type))
        )
        for run in tables.runs()
    ]


class PayloadSnapshot:
    """Holds cases against the files that keep their payloads."""

    def __init__(self, snapshot: SnapshotAssertion, kept: Path | None) -> None:
        """Take syrupy's fixture, and the folder of the files; None is snapshots/ beside the cases."""
        self._snapshot, self._kept = snapshot, kept

    def __call__(self, run: CaseRun) -> None:
        """Fail where the case became something else, and say by which rows. `--snapshot-update` keeps what it is."""
        folder = run.tables.path / "snapshots" if self._kept is None else self._kept
        before = _kept_text(folder / run.file_name)
        if not matches_file(self._snapshot, folder, run.file_name, run.text):
            pytest.fail(self._told(run, folder, before), pytrace=False)

    def _told(self, run: CaseRun, folder: Path, before: str | None) -> str:
        way_out = "pytest --snapshot-update keeps what is built now"
        file = folder / run.file_name
        if not isinstance(run.result, BuiltCase):
            return f"{run} is refused, and {file} does not say so:\n{run.result}\n{way_out}"
        if before is None:
            return f"{run} has no snapshot yet ({file})\n{way_out}"
        lines = "".join(f"\n  {line}" for line in run.explain(json.loads(before)))
        return f"{run} is not what {file} holds:{lines}\n{way_out}"


def _kept_text(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.is_file() else None

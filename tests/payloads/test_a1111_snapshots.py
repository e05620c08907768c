"""What each case of cases/a1111 becomes, and every table in its flat form: a file each, for reviewers to read.

A case says why it is there, what base and the stage's own config say, and how large the pictures are that come in. Its
snapshot holds the request and the body of every call. `pytest --snapshot-update` writes them anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from engine.backends.build import prepare
from engine.documents import read_document
from engine.tables.traverse import rows_of
from engine.wire import described
from tests.payloads.building import BACKEND, CATALOG, planned
from tests.payloads.flat import flat
from tests.payloads.pictures import picture
from tests.snapshot_files import same_as_file, unused

CASES = Path(__file__).resolve().parents[2] / "cases"
FILES = sorted((CASES / BACKEND.name).glob("*/*.yaml"))
STAGES = list(BACKEND.stages)

# Syrupy would have a snapshot's name begin with its test's; ours begin with the back end's.
pytestmark = pytest.mark.filterwarnings(r"ignore:\s*Can not relate snapshot")


def name_of(case: Path) -> str:
    return case.relative_to(CASES).with_suffix("").as_posix()


def read(case: Path) -> Mapping[str, Any]:
    value = read_document(case).value
    assert isinstance(value, dict)
    assert value.keys() <= {"why", "base", "stage", "inputs"}, "a case says why, base, stage and inputs"
    assert isinstance(value["why"], str)
    return value


def with_pictures(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config with a picture for each field that takes one and gives its size."""
    takes = {w for w, name in CATALOG.rules.spellings().items() if "contentMediaType" in CATALOG.rules.schemas[name]}
    return {key: picture(*value, key) if key in takes else value for key, value in config.items()}


@pytest.mark.parametrize("case", FILES, ids=name_of)
def test_a_case_s_request_and_bodies(case: Path, snapshot: SnapshotAssertion) -> None:
    said = read(case)
    stage = case.parent.name
    sizes = [(width, height) for width, height in said.get("inputs", [])]
    request = planned(stage, with_pictures(said.get("stage", {})), said.get("base", {}), *sizes)
    shown = {
        "why": said["why"],
        "request": described(request.payload),
        "bodies": [described(call.body) for call in prepare(BACKEND, request)],
    }
    same_as_file(
        snapshot, f"{name_of(case)}.json", json.dumps(shown, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    )


@pytest.mark.parametrize("stage", STAGES)
def test_a_table_in_its_flat_form(stage: str, snapshot: SnapshotAssertion) -> None:
    same_as_file(snapshot, f"{BACKEND.name}/flat/{stage}.txt", "\n".join(flat(BACKEND.stages[stage].table)) + "\n")


def test_every_stage_has_a_minimal_case_and_one_with_everything() -> None:
    names = {name_of(case) for case in FILES}
    for stage in STAGES:
        assert {f"{BACKEND.name}/{stage}/minimal", f"{BACKEND.name}/{stage}/everything"} <= names


@pytest.mark.parametrize("stage", STAGES)
def test_the_case_with_everything_has_everything(stage: str) -> None:
    """A field that is added to the rules must be added to the case, and a row of the table must write something."""
    said = read(CASES / BACKEND.name / stage / "everything.yaml")["stage"]
    kind, rules = CATALOG.rules.stages[stage], CATALOG.rules
    fields = {name for group in kind.groups for name in rules.groups[group] if not rules.rule(name).input}
    switches = {v.switch for v in kind.groups.values() if v.switch is not None and rules.group_of(v.switch) is None}
    assert set(said) == fields | switches
    for name, rule in rules.fields.items():
        if rule.items and name in said:
            assert set(said[name][0]) == set(rule.items)


@pytest.mark.parametrize("stage", STAGES)
def test_every_row_writes_something_in_some_case(stage: str) -> None:
    written: set[tuple[str, ...]] = set()
    for case in FILES:
        if case.parent.name == stage:
            said = read(case)
            sizes = [(width, height) for width, height in said.get("inputs", [])]
            request = planned(stage, with_pictures(said.get("stage", {})), said.get("base", {}), *sizes)
            for call in prepare(BACKEND, request):
                written |= {
                    row.target for row in rows_of(BACKEND.stages[stage].table.flow) if there(call.body, row.target)
                }
    assert {row.target for row in rows_of(BACKEND.stages[stage].table.flow)} == written


def there(body: Any, target: tuple[str, ...]) -> bool:
    for step in target:
        if not isinstance(body, dict) or step not in body:
            return False
        body = body[step]
    return True


def test_every_snapshot_has_a_case() -> None:
    names = [f"{name_of(case)}.json" for case in FILES]
    names += [f"{BACKEND.name}/flat/{stage}.txt" for stage in STAGES]
    assert unused(BACKEND.name, names) == [], "snapshots without a case: delete them"

"""What each case of cases/ becomes on every back end, and every table in its flat form: a file each, to be reviewed.

A case says why it is there, what base and the stage's own config say, and how large the pictures are that come in.
`cases/<stage type>/` is built for every back end, `cases/<back end>/<stage type>/` for that one alone. The request
that a case gives is in tests/snapshots/requests, the body of every call in tests/snapshots/<back end>: a back end that
refuses the case has the refusal's very words there (.txt) instead of bodies (.json). `pytest --snapshot-update`
writes them anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from engine.backends.build import Call, prepare
from engine.documents import read_document
from engine.errors import PayloadError
from engine.request import GenerateImagesRequest
from engine.tables.traverse import rows_of
from engine.wire import described
from tests.payloads.building import BACKENDS, CATALOG, planned
from tests.payloads.flat import flat
from tests.payloads.pictures import picture
from tests.snapshot_files import same_as_file, unused

CASES = Path(__file__).resolve().parents[2] / "cases"
RULES = CATALOG.rules
REQUESTS = "requests"

# Syrupy would have a snapshot's name begin with its test's; ours begin with the back end's.
pytestmark = pytest.mark.filterwarnings(r"ignore:\s*Can not relate snapshot")


@dataclass(frozen=True)
class Case:
    """A file of cases/. `backend`: the only back end that it is about, or None where it is about every one."""

    file: Path
    backend: str | None
    stage: str

    def __str__(self) -> str:
        return self.file.relative_to(CASES).with_suffix("").as_posix()

    @property
    def name(self) -> str:
        return f"{self.stage}/{self.file.stem}"


GENERIC = [Case(file, None, stage) for stage in RULES.stages for file in sorted((CASES / stage).glob("*.yaml"))]
OWN = [
    Case(file, backend, stage)
    for backend in BACKENDS
    for stage in RULES.stages
    for file in sorted((CASES / backend / stage).glob("*.yaml"))
]
BUILT = [(case, backend) for case in [*GENERIC, *OWN] for backend in BACKENDS if case.backend in (None, backend)]
TABLES = [(backend, stage) for backend in BACKENDS for stage in BACKENDS[backend].stages]


def read(case: Case) -> Mapping[str, Any]:
    value = read_document(case.file).value
    assert isinstance(value, dict)
    assert value.keys() <= {"why", "base", "stage", "inputs"}, "a case says why, base, stage and inputs"
    assert isinstance(value["why"], str)
    return value


def with_pictures(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config with a picture for each field that takes one and gives its size."""
    takes = {w for w, name in RULES.spellings().items() if "contentMediaType" in RULES.schemas[name]}
    return {key: picture(*value, key) if key in takes else value for key, value in config.items()}


@cache
def request_of(case: Case) -> GenerateImagesRequest:
    said = read(case)
    sizes = [(width, height) for width, height in said.get("inputs", [])]
    return planned(case.stage, with_pictures(said.get("stage", {})), said.get("base", {}), *sizes)


@cache
def calls_of(case: Case, backend: str) -> tuple[Call, ...] | PayloadError:
    try:
        return prepare(BACKENDS[backend], request_of(case))
    except PayloadError as refusal:
        return refusal


def snapshot_of(case: Case, backend: str) -> tuple[str, str]:
    """The name of a case's snapshot for a back end, and what is to stand in it."""
    calls = calls_of(case, backend)
    if isinstance(calls, PayloadError):
        return f"{backend}/{case.name}.txt", f"{calls}\n"
    return f"{backend}/{case.name}.json", pretty([described(call.body) for call in calls])


def pretty(value: object) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("case", GENERIC, ids=str)
def test_a_case_s_request(case: Case, snapshot: SnapshotAssertion) -> None:
    shown = {"why": read(case)["why"], "request": described(request_of(case).payload)}
    same_as_file(snapshot, f"{REQUESTS}/{case.name}.json", pretty(shown))


@pytest.mark.parametrize(("case", "backend"), BUILT, ids=str)
def test_a_case_s_bodies_or_its_refusal(case: Case, backend: str, snapshot: SnapshotAssertion) -> None:
    same_as_file(snapshot, *snapshot_of(case, backend))


@pytest.mark.parametrize(("backend", "stage"), TABLES)
def test_a_table_in_its_flat_form(backend: str, stage: str, snapshot: SnapshotAssertion) -> None:
    text = "\n".join(flat(BACKENDS[backend].stages[stage].table)) + "\n"
    same_as_file(snapshot, f"{backend}/flat/{stage}.txt", text)


@pytest.mark.parametrize("stage", RULES.stages)
def test_every_stage_type_has_a_minimal_case_and_one_with_everything(stage: str) -> None:
    assert {f"{stage}/minimal", f"{stage}/everything"} <= {case.name for case in GENERIC}


@pytest.mark.parametrize("stage", RULES.stages)
def test_the_case_with_everything_has_everything(stage: str) -> None:
    """A field that is added to the rules must be added to the case."""
    said = read(Case(CASES / stage / "everything.yaml", None, stage))["stage"]
    kind = RULES.stages[stage]
    fields = {name for group in kind.groups for name in RULES.groups[group] if not RULES.rule(name).input}
    switches = {v.switch for v in kind.groups.values() if v.switch is not None and RULES.group_of(v.switch) is None}
    assert set(said) == fields | switches
    for name, rule in RULES.fields.items():
        if rule.items and name in said:
            assert set(said[name][0]) == set(rule.items)


@pytest.mark.parametrize(("backend", "stage"), TABLES)
def test_every_row_writes_something_in_some_case(backend: str, stage: str) -> None:
    """A row that no case shows could change without a snapshot that does. What refuses a case shows nothing in it."""
    written: set[tuple[str, ...]] = set()
    rows = {row.target for row in rows_of(BACKENDS[backend].stages[stage].table.flow)}
    for case, whose in BUILT:
        calls = calls_of(case, whose) if (whose, case.stage) == (backend, stage) else ()
        if not isinstance(calls, PayloadError):
            written |= {target for target in rows for call in calls if there(call.body, target)}
    assert rows == written


def there(body: Any, target: tuple[str, ...]) -> bool:
    for step in target:
        if not isinstance(body, dict) or step not in body:
            return False
        body = body[step]
    return True


def test_every_case_lies_where_it_is_found() -> None:
    found = {case.file for case in [*GENERIC, *OWN]} | set((CASES / "errors").glob("*.yaml"))
    assert found == {file for file in CASES.rglob("*") if file.is_file()}
    assert len({(case.name, backend) for case, backend in BUILT}) == len(BUILT), "two cases with one snapshot"


@pytest.mark.parametrize("folder", [REQUESTS, *BACKENDS])
def test_every_snapshot_has_a_case(folder: str) -> None:
    names = [f"{REQUESTS}/{case.name}.json" for case in GENERIC]
    names += [snapshot_of(case, backend)[0] for case, backend in BUILT]
    names += [f"{backend}/flat/{stage}.txt" for backend, stage in TABLES]
    assert unused(folder, names) == [], "snapshots without a case: delete them"

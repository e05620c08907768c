"""What each case of cases/ becomes on every back end, and every table in its flat form: a file each, to be reviewed.

`cases/<stage type>/` is built for every back end, `cases/<back end>/<stage type>/` for that one alone. The request
that a case gives is in tests/snapshots/requests, the body of every call in tests/snapshots/<back end>: a back end that
refuses the case has the refusal's very words there (.txt) instead of bodies (.json). A case that says what the server
answers has the whole conversation there. `pytest --snapshot-update`
writes them anew.
"""

from __future__ import annotations

from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from engine.cases import BuiltCase, Case, case_request
from engine.errors import Position
from engine.request import GenerateImagesRequest
from engine.tables.traverse import rows_of, sections_of
from engine.testing import CaseRun, PayloadSnapshot, load_cases
from engine.values import canonical_text
from engine.wire import described
from tests.payloads.building import BACKENDS, CASES, CATALOG, TABLES
from tests.payloads.flat import flat
from tests.payloads.pictures import picture
from tests.snapshot_files import same_as_file, unused

RULES = CATALOG.rules
REQUESTS = "requests"
ALL = TABLES.cases
GENERIC = [case for case in ALL if case.backend is None]
RUNS = load_cases(TABLES)
BUILT: list[CaseRun] = [param.values[0] for param in RUNS]
STAGES = [(backend, stage) for backend in BACKENDS for stage in BACKENDS[backend].stages]

# Syrupy would have a snapshot's name begin with its test's; ours begin with the back end's.
pytestmark = pytest.mark.filterwarnings(r"ignore:\s*Can not relate snapshot")


def name_of(value: object) -> str:
    return value.name if isinstance(value, Case) else str(value)


def request_of(case: Case) -> GenerateImagesRequest:
    return case_request(case, CATALOG, picture)


@pytest.mark.parametrize("case", GENERIC, ids=name_of)
def test_a_case_s_request(case: Case, snapshot: SnapshotAssertion) -> None:
    shown = {"why": case.why, "request": described(request_of(case).payload)}
    same_as_file(snapshot, f"{REQUESTS}/{case.short_name}.json", canonical_text(shown))


@pytest.mark.parametrize("case", RUNS)
def test_a_case_s_bodies_or_its_refusal(case: CaseRun, payload_snapshot: PayloadSnapshot) -> None:
    payload_snapshot(case)


@pytest.mark.parametrize(("backend", "stage"), STAGES)
def test_a_table_in_its_flat_form(backend: str, stage: str, snapshot: SnapshotAssertion) -> None:
    text = "\n".join(flat(BACKENDS[backend].stages[stage].table)) + "\n"
    same_as_file(snapshot, f"{backend}/flat/{stage}.txt", text)


@pytest.mark.parametrize("stage", RULES.stages)
def test_every_stage_type_has_a_minimal_case_and_one_with_everything(stage: str) -> None:
    assert {f"{stage}/minimal", f"{stage}/everything"} <= {case.name for case in GENERIC}


@pytest.mark.parametrize("stage", RULES.stages)
def test_the_case_with_everything_has_everything(stage: str) -> None:
    """A field that is added to the rules must be added to the case."""
    said = next(case.own for case in GENERIC if case.name == f"{stage}/everything")
    kind = RULES.stages[stage]
    fields = {name for group in kind.groups for name in RULES.groups[group] if not RULES.rule(name).input}
    switches = {v.switch for v in kind.groups.values() if v.switch is not None and RULES.group_of(v.switch) is None}
    assert set(said) == fields | switches
    for name, rule in RULES.fields.items():
        if rule.items and name in said:
            items: Any = said[name]
            assert set(items[0]) == set(rule.items)


@pytest.mark.parametrize(("backend", "stage"), STAGES)
def test_every_row_writes_something_in_some_case(backend: str, stage: str) -> None:
    """A row that no case shows could change without a snapshot that does. What is refused shows nothing."""
    found = BACKENDS[backend].stages[stage]
    anew = {row.target for section in sections_of(found.table.flow) for row in section.replaced}
    rows = [row for row in rows_of(found.table.flow) if row.target not in anew]
    written: set[tuple[str, ...]] = set()
    given: set[Position] = set()
    results = [run.result for run in BUILT if (run.backend, run.case.stage_type) == (backend, stage)]
    for result in results:
        for body in result.bodies if isinstance(result, BuiltCase) else ():
            written |= {row.target for row in rows if there(body, row.target)}
            given |= {row.at for row in result.rows.values() if there(body, row.target)}
    if found.nodes is None:
        assert {row.target for row in rows} == written
    else:  # nodes may have the same name on both sides of a condition: there each row counts
        assert sorted({row.at for row in rows} - given) == []


def there(body: Any, target: tuple[str, ...]) -> bool:
    for step in target:
        if not isinstance(body, dict) or step not in body:
            return False
        body = body[step]
    return True


def test_every_case_lies_where_it_is_found() -> None:
    found = {CASES / f"{case.name}.yaml" for case in ALL} | set((CASES / "errors").glob("*.yaml"))
    assert found == {file for file in CASES.rglob("*") if file.is_file()}
    assert len({str(run) for run in BUILT}) == len(BUILT), "two cases with one snapshot"


@pytest.mark.parametrize("folder", [REQUESTS, *BACKENDS])
def test_every_snapshot_has_a_case(folder: str) -> None:
    names = [f"{REQUESTS}/{case.short_name}.json" for case in GENERIC]
    names += [run.file_name for run in BUILT]
    names += [f"{backend}/flat/{stage}.txt" for backend, stage in STAGES]
    assert unused(folder, names) == [], "snapshots without a case: delete them"

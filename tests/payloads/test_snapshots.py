"""What each case of cases/ becomes on every back end, and every table in its flat form: a file each, to be reviewed.

`cases/<stage type>/` is built for every back end, `cases/<back end>/<stage type>/` for that one alone. The request
that a case gives is in tests/snapshots/requests, the body of every call in tests/snapshots/<back end>: a back end that
refuses the case has the refusal's very words there (.txt) instead of bodies (.json). A case that says what the server
answers has the whole conversation there. `pytest --snapshot-update`
writes them anew.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from engine.cases import BuiltCase, Case, build_case, case_request, read_cases
from engine.errors import PayloadError, Position
from engine.request import GenerateImagesRequest
from engine.tables.traverse import rows_of, sections_of
from engine.testing.exchanges import conversation_of
from engine.values import canonical_text
from engine.wire import described
from tests.payloads.building import BACKENDS, CASES, CATALOG
from tests.payloads.flat import flat
from tests.payloads.pictures import picture
from tests.snapshot_files import same_as_file, unused

RULES = CATALOG.rules
REQUESTS = "requests"
ALL = read_cases(CASES, "cases", CATALOG)
GENERIC = [case for case in ALL if case.backend is None]
BUILT = [(case, backend) for case in ALL for backend in BACKENDS if case.is_for(backend)]
TABLES = [(backend, stage) for backend in BACKENDS for stage in BACKENDS[backend].stages]

# Syrupy would have a snapshot's name begin with its test's; ours begin with the back end's.
pytestmark = pytest.mark.filterwarnings(r"ignore:\s*Can not relate snapshot")


def name_of(value: object) -> str:
    return value.name if isinstance(value, Case) else str(value)


def request_of(case: Case) -> GenerateImagesRequest:
    return case_request(case, CATALOG, picture)


@cache
def built(name: str, backend: str) -> BuiltCase | PayloadError:
    try:
        case = next(case for case in ALL if case.name == name)
        return build_case(case, BACKENDS[backend], CATALOG, picture)
    except PayloadError as refusal:
        return refusal


def snapshot_of(case: Case, backend: str) -> tuple[str, str]:
    """The name of a case's snapshot for a back end, and what is to stand in it."""
    result = built(case.name, backend)
    if isinstance(result, PayloadError):
        return f"{backend}/{case.short_name}.txt", f"{result}\n"
    if case.answers:
        told = conversation_of(case, BACKENDS[backend], CATALOG, picture)
        return f"{backend}/{case.short_name}.json", canonical_text({"why": case.why, **told})
    return f"{backend}/{case.short_name}.json", canonical_text(result.kept)


@pytest.mark.parametrize("case", GENERIC, ids=name_of)
def test_a_case_s_request(case: Case, snapshot: SnapshotAssertion) -> None:
    shown = {"why": case.why, "request": described(request_of(case).payload)}
    same_as_file(snapshot, f"{REQUESTS}/{case.short_name}.json", canonical_text(shown))


@pytest.mark.parametrize(("case", "backend"), BUILT, ids=name_of)
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
    said = next(case.own for case in GENERIC if case.name == f"{stage}/everything")
    kind = RULES.stages[stage]
    fields = {name for group in kind.groups for name in RULES.groups[group] if not RULES.rule(name).input}
    switches = {v.switch for v in kind.groups.values() if v.switch is not None and RULES.group_of(v.switch) is None}
    assert set(said) == fields | switches
    for name, rule in RULES.fields.items():
        if rule.items and name in said:
            items: Any = said[name]
            assert set(items[0]) == set(rule.items)


@pytest.mark.parametrize(("backend", "stage"), TABLES)
def test_every_row_writes_something_in_some_case(backend: str, stage: str) -> None:
    """A row that no case shows could change without a snapshot that does. What is refused shows nothing."""
    found = BACKENDS[backend].stages[stage]
    anew = {row.target for section in sections_of(found.table.flow) for row in section.replaced}
    rows = [row for row in rows_of(found.table.flow) if row.target not in anew]
    written: set[tuple[str, ...]] = set()
    given: set[Position] = set()
    for case in ALL:
        result = built(case.name, backend) if case.stage_type == stage and case.is_for(backend) else None
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
    assert len({(case.short_name, backend) for case, backend in BUILT}) == len(BUILT), "two cases with one snapshot"


@pytest.mark.parametrize("folder", [REQUESTS, *BACKENDS])
def test_every_snapshot_has_a_case(folder: str) -> None:
    names = [f"{REQUESTS}/{case.short_name}.json" for case in GENERIC]
    names += [snapshot_of(case, backend)[0] for case, backend in BUILT]
    names += [f"{backend}/flat/{stage}.txt" for backend, stage in TABLES]
    assert unused(folder, names) == [], "snapshots without a case: delete them"

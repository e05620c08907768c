"""Every folder of a bad table is refused as it should be; every good one builds what it should."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from engine.backends.build import place
from engine.backends.catalog import Backend, Catalog
from engine.images import Image
from engine.tables.concrete import ConcreteAlgebra, EvaluationError, Scope, Value
from engine.tables.walk import Walker
from engine.values import Later, same
from tests.tables.cases import BACKEND, BAD, BASE, GOOD, Case, cases, findings_of, shown

_PLACE = re.compile(r"^(mappings|schemas)/\S+:\d+:\d+: error\[")


def names(case: Case) -> str:
    return case.name


def test_the_base_is_proven(tmp_path: Path) -> None:
    assert shown(findings_of(BASE), BASE) == ""


@pytest.mark.parametrize("case", list(cases(BAD)), ids=names)
def test_a_bad_table_is_refused(case: Case, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    about = case.read("case.yaml")
    assert about.keys() == {"why", "codes"}
    folder = case.lay_out(tmp_path)
    findings = findings_of(folder)
    text = shown(findings, folder)
    expected = case.folder / "expected.txt"
    if request.config.getoption("--update-expected"):
        expected.write_text(text, encoding="utf-8")
    assert set(about["codes"]) == {finding.code for finding in findings}
    for finding in findings:
        line = shown((finding,), folder)
        assert _PLACE.match(line), f"a finding without a place: {line}"
    assert text == expected.read_text(encoding="utf-8"), "pytest --update-expected writes what is found now"


def evaluated(backend: Backend, catalog: Catalog, stage: str, given: Mapping[str, Any]) -> dict[str, Value]:
    """The body that a stage's table builds of these fields."""
    found = backend.stages[stage]
    fields: dict[str, Value] = {**catalog.rules.constants_of(found.stage), **given["fields"]}
    if "picture" in given:
        picture = Image.predict(*given["picture"])
        fields |= {"input.image": picture, "input.width": picture.width, "input.height": picture.height}
        fields["input_images"] = [picture]
    always = {group for group, seen in found.stage.groups.items() if seen.switch is None}
    scope = Scope(fields, frozenset(always | set(given.get("groups", []))))
    walker: Walker[Value, Scope] = Walker(ConcreteAlgebra(), found.lookups, found.nodes)
    return place(walker.walk(found.table.flow, scope))


def plain(value: Any) -> Any:
    """A body as a file can hold it: a picture is its size, what is known later its description."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    if isinstance(value, Later):
        return str(value)
    return f"picture {value.width}x{value.height}" if isinstance(value, Image) else value


@pytest.mark.parametrize("case", list(cases(GOOD)), ids=names)
def test_a_good_table_builds(case: Case, tmp_path: Path) -> None:
    assert case.read("case.yaml").keys() == {"why"}
    folder = case.lay_out(tmp_path)
    assert shown(findings_of(folder), folder) == ""
    catalog = Catalog([folder])
    backend = catalog.backend(BACKEND)
    told = case.read("inputs.yaml")
    for given in told["requests"]:
        if "refused" in given:
            with pytest.raises(EvaluationError) as refusal:
                evaluated(backend, catalog, told["stage"], given)
            assert (refusal.value.code, str(refusal.value)) == ("payload-refused", given["refused"])
            continue
        body = evaluated(backend, catalog, told["stage"], given)
        assert same(plain(body), given["payload"])
        assert list(body) == list(given["payload"]), "the payload's keys are in the order of the table"
        assert backend.stages[told["stage"]].contract.problems(body) == []

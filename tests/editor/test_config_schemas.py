"""schemas/plan_file.json and schemas/case.json, as an editor uses them: right files pass, wrong words are marked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from engine.backends.catalog import Catalog
from engine.documents import read_document

ROOT = Path(__file__).resolve().parents[2]
RULES = Catalog().rules
CASES = [file for file in sorted((ROOT / "cases").rglob("*.yaml")) if "errors" not in file.parts]
PLANS = sorted((ROOT / "examples").glob("*.yaml"))


def schema(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((ROOT / "schemas" / name).read_text(encoding="utf-8"))
    Draft7Validator.check_schema(loaded)
    return loaded


PLAN, CASE = schema("plan_file.json"), schema("case.json")


def said(of: dict[str, Any], value: Any) -> list[str]:
    return [f"{list(error.absolute_path)}: {error.message[:200]}" for error in Draft7Validator(of).iter_errors(value)]


def shape_of(file: Path) -> set[str]:
    value = read_document(file).value
    return set(value) if isinstance(value, dict) else set()


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.relative_to(ROOT / "cases").as_posix())
def test_every_case_passes(file: Path) -> None:
    if shape_of(file) <= {"why", "base", "stage", "inputs"}:
        assert said(CASE, read_document(file).value) == []


def test_there_are_cases_to_look_at() -> None:
    assert len([file for file in CASES if shape_of(file) <= {"why", "base", "stage", "inputs"}]) > 10


@pytest.mark.parametrize("file", PLANS, ids=lambda file: file.name)
def test_every_example_passes(file: Path) -> None:
    assert said(PLAN, read_document(file).value) == []


def test_every_spelling_has_its_meaning_and_a_misspelling_is_marked() -> None:
    words = PLAN["definitions"]["config"]["properties"]
    assert RULES.spellings().keys() | RULES.drops.keys() == words.keys()
    for word, name in RULES.spellings().items():
        assert str(RULES.schemas[name]["description"]) in words[word]["markdownDescription"]
        assert words[word]["description"]
        wrong = {"stages": [{"stage_type": "txt2img", "stage_config": {f"{word}zz": 1}}]}
        assert len(said(PLAN, wrong)) == 1


@pytest.mark.parametrize(
    ("field", "value", "right"),
    [
        ("steps", 20, True),
        ("steps", 500, False),
        ("steps", "20", False),
        ("steps", None, True),
        ("hires_steps", 0, True),
        ("scheduler", "Karras", True),
        ("cfg", 7.5, True),
        ("tiling", "yes", False),
        ("adetailer_units", [{"ad_model": "face.pt", "confidence": 0.4}], True),
        ("adetailer_units", [{"ad_model": "face.pt", "confidense": 0.4}], False),
        ("adetailer_units", [{"confidence": 4}], False),
    ],
)
def test_values_are_judged_as_far_as_the_rules_leave_them_alone(field: str, value: Any, right: bool) -> None:
    plan = {"stages": [{"stage_type": "txt2img"}], "base_config": {field: value}}
    assert (said(PLAN, plan) == []) is right


def test_a_stage_type_that_is_none_is_marked() -> None:
    assert said(PLAN, {"stages": [{"stage_type": "txt2im"}]}) != []

"""An edit of tables is traced to what caused it: a row, a lookup, a rule, a condition, a case, a fan-out, a refusal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.review.building import Built, build_side
from engine.review.report import Change, Group, Report
from engine.review.sides import Side
from engine.review.wording import title
from engine.values import ABSENT
from tests.review.sides import EASEL, edited, lay_out, reviewed

FRAME = "mappings/easel/frame.yaml"
RULES = "mappings/request.yaml"
NONE = 'words/no: {from: negative_prompt, replace: {"": none}}'

Review = Callable[..., Report]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build_side(Side("old", lay_out(tmp_path_factory.mktemp("base") / "side")))


@pytest.fixture
def after(base: Built, tmp_path: Path) -> Review:
    """What a review finds after edits."""
    return lambda *edits: reviewed(base, edited(lay_out(tmp_path / "side"), *edits))


def only(report: Report) -> Group:
    (group,) = report.groups
    return group


def line_of(text: str, name: str, folder: Path) -> int:
    lines = (folder / name).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def test_an_edit_of_nothing_changes_nothing(after: Review) -> None:
    report = after((EASEL, "format: 1", "# a comment\nformat: 1"))
    assert report.verdict == "same"
    assert report.compared == 7  # two back ends, three cases, and one more for the child alone
    assert report.groups == ()


def test_a_row_that_changed_is_named_with_its_line_and_its_reach(after: Review, tmp_path: Path) -> None:
    report = after((EASEL, "words/no: negative_prompt", NONE))
    group = only(report)
    line = line_of("words/no", EASEL, tmp_path / "side")
    assert title(group) == f"row {EASEL}:{line} changed words/no in 5 payloads of 2 back ends"
    assert group.old is not None
    assert group.new is not None
    assert (group.old.text, group.new.text) == ("words/no: negative_prompt", NONE)
    assert {(change.path, change.old, change.new) for change in group.changes} == {(("words", "no"), "", "none")}
    assert report.verdict == "payloads"


def test_a_row_that_only_moved_is_no_cause(after: Review) -> None:
    report = after(
        (
            EASEL,
            "rows:\n  words/yes: prompt\n  words/no: negative_prompt",
            f"rows:\n\n  {NONE}\n  words/yes: prompt",
        )
    )
    assert [group.cause.what for group in report.groups] == ["words/no"]


def test_a_row_in_a_list_is_found_from_the_place_below_it(after: Review) -> None:
    group = only(after((EASEL, "size: {list: [width, height]}", "size: {list: [height, width]}")))
    assert group.cause.what == "size"
    assert [(change.case, change.path, change.old, change.new) for change in group.changes] == [
        ("fresco/txt2img/large", ("size", "0"), ABSENT, 512),
        ("fresco/txt2img/large", ("size", "1"), 512, ABSENT),
    ]


def test_a_row_that_is_gone_is_shown_as_it_stood(after: Review) -> None:
    contract = (
        "schemas/easel/paint.json",
        '"required": ["words", "size", "how_many", "seed"]',
        '"required": ["words", "size", "how_many"]',
    )
    report = after((EASEL, "  seed: seed\n", ""), (EASEL, "drop:\n", "drop:\n  seed: easel draws\n"), contract)
    group = only(report)
    assert group.cause.kind == "row removed"
    assert group.new is None
    assert group.old is not None
    assert group.old.text == "seed: seed"
    assert {change.new for change in group.changes} == {ABSENT}
    assert "is gone and wrote seed" in title(group)


def test_a_row_that_is_new_is_shown(after: Review) -> None:
    contract = ("schemas/easel/paint.json", '"how_many":', '"hand": {"enum": ["left"]},\n    "how_many":')
    group = only(after((EASEL, "rows:\n", "rows:\n  hand: {value: left}\n"), contract))
    assert group.cause.kind == "row added"
    assert {(change.kind, change.new) for change in group.changes} == {("added", "left")}


def test_a_default_that_changed_is_the_cause_and_not_the_row(after: Review) -> None:
    group = only(after((RULES, "default: 12", "default: 13")))
    assert (group.cause.kind, group.cause.what) == ("field", "frame_width")
    assert group.cause.at is not None
    assert group.cause.at.file.endswith(RULES)
    assert {change.case for change in group.changes} == {"txt2img/framed"}


def test_a_lookup_that_changed_is_the_cause_and_not_the_row(tmp_path: Path) -> None:
    rows = (
        EASEL,
        "frame: {object: {wood: frame_colour,",
        "frame: {object: {wood: {from: frame_colour, lookup: woods},",
    )
    woods = (EASEL, "format: 1", "format: 1\nlookups:\n  woods: {oak: oak, walnut: walnut}")
    old = edited(lay_out(tmp_path / "old"), rows, woods)
    new = edited(lay_out(tmp_path / "new"), rows, woods, (EASEL, "walnut: walnut", "walnut: oak"))
    group = only(reviewed(old, new))
    assert (group.cause.kind, group.cause.what) == ("lookup", "woods")
    assert {(change.old, change.new) for change in group.changes} == {("walnut", "oak")}


def test_a_condition_that_changed_is_the_cause_and_not_its_rows(tmp_path: Path) -> None:
    contract = ("schemas/easel/paint.json", '"how_many":', '"wide": {"const": true},\n    "how_many":')
    rows = "rows:\n"

    def with_condition(into: Path, size: int) -> Path:
        section = f"flow:\n  - when: {{width: {{equals: {size}}}}}\n    rows: {{wide: {{value: true}}}}\n{rows}"
        return edited(lay_out(into), contract, (EASEL, rows, section))

    group = only(reviewed(with_condition(tmp_path / "old", 1024), with_condition(tmp_path / "new", 512)))
    assert group.cause.kind == "condition"
    assert {change.case for change in group.changes} == {"txt2img/plain", "txt2img/framed", "fresco/txt2img/large"}


def test_a_case_that_was_edited_is_its_own_cause(after: Review) -> None:
    group = only(after(("cases/txt2img/plain.yaml", "a cat", "a dog")))
    assert (group.cause.kind, group.cause.what) == ("case", "txt2img/plain")
    assert group.backends == ["easel", "fresco"]


def test_cases_that_are_new_or_gone_are_listed(base: Built, tmp_path: Path) -> None:
    side = lay_out(tmp_path / "side")
    (side / "cases/txt2img/plain.yaml").rename(side / "cases/txt2img/simple.yaml")
    report = reviewed(base, side)
    assert report.added == ("easel: txt2img/simple", "fresco: txt2img/simple")
    assert report.removed == ("easel: txt2img/plain", "fresco: txt2img/plain")
    assert report.verdict == "payloads"


def test_a_fan_out_that_changed_is_told_as_a_number_of_calls(after: Review) -> None:
    group = only(after(("mappings/easel/backend.yaml", "    fan_out: {over: input_images}\n", "")))
    assert (group.cause.kind, group.cause.what) == ("calls", "frame")
    assert group.changes[0] == Change("easel", "frame/two", (), "2 calls", "1 call")


def test_a_refusal_is_a_change(after: Review) -> None:
    narrow = ("schemas/fields.json", '"maximum": 64', '"maximum": 2')
    report = after(narrow, (RULES, "default: 12", "default: 2"))
    group = next(group for group in report.groups if group.cause.kind == "refusal")
    assert {change.case for change in group.changes} == {"frame/two"}
    assert "frame_width" in str(group.changes[0].new)
    assert group.changes[0].old == "builds"


def test_a_target_that_a_group_lost_is_a_change_of_ownership(after: Review) -> None:
    contract = ("schemas/easel/paint.json", '"how_many":', '"wood": {"enum": ["oak", "walnut"]},\n    "how_many":')
    report = after(contract, (EASEL, "  frame:\n    frame:", "  frame:\n    wood: frame_colour\n    frame:"))
    assert {(change.where, change.what) for change in report.ownership} == {
        (f"{name}/txt2img", "wood belongs to the group frame now") for name in ("easel", "fresco")
    }
    assert report.verdict == "boundary"


def test_a_group_that_another_stage_type_sees_is_a_change_of_ownership(after: Review) -> None:
    report = after((RULES, "groups: {frame: frame_enabled}", "groups: {frame: {own: true, switch: frame_enabled}}"))
    assert any("was seen where frame_enabled turns it on and is" in change.what for change in report.ownership)


def test_a_contract_that_changed_is_told_even_where_no_payload_did(after: Review) -> None:
    report = after(("schemas/easel/paint.json", '"maximum": 4294967295', '"maximum": 4294967296'))
    (change,) = report.contracts
    assert (change.contract, change.path, change.direction) == ("easel/paint", ("seed",), "widened")
    assert change.what == "maximum was 4294967295 and is 4294967296"
    assert report.groups == ()
    assert report.verdict == "boundary"


def test_a_request_s_contract_is_compared_too(after: Review) -> None:
    report = after(("schemas/fields.json", '"maximum": 64', '"maximum": 63'))
    assert ("request/frame", ("frame_width",), "narrowed") in {
        (c.contract, c.path, c.direction) for c in report.contracts
    }


def test_a_side_that_is_not_proven_is_invalid_and_its_payloads_are_not_called_gone(after: Review) -> None:
    report = after((EASEL, "words/no: negative_prompt", "words/no: negativ_prompt"))
    assert report.verdict == "invalid"
    assert report.removed == ()
    assert {finding.backend for finding in report.findings} == {"easel", "fresco"}


def test_an_old_side_that_is_not_proven_is_said_and_no_fault_of_the_new_one(base: Built, tmp_path: Path) -> None:
    broken = edited(lay_out(tmp_path / "old"), (EASEL, "words/no: negative_prompt", "words/no: negativ_prompt"))
    report = reviewed(broken, lay_out(tmp_path / "new"))
    assert report.verdict == "payloads"
    assert report.unread
    assert report.added == ()

"""What a prompt says that a server does not read: told in a warning, LoRA tags made what the server has instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import Catalog, PipelineRunner, PlannedRun, StageConfig, StageExecution
from engine import StageExecutionPlan as Plan
from engine.notations import NOTATIONS, lora_tags, used, without_lora_tags
from engine.testing import FakeClient

#: Text -> the notations that it uses.
USES = {
    "a cat": [],
    "a (cat:1.2) on a mat": ["attention"],
    "a (cat) in (brackets)": [],
    r"a \(cat:1.2\)": [],
    "ratio 16:9 (wide: yes)": [],
    "a [dog] there": ["deemphasis"],
    r"a \[dog\]": [],
    "a [dog:cat:0.5]": ["scheduling"],
    "a [cat:10]": ["scheduling"],
    "a [dog|cat]": ["alternating"],
    "one BREAK two": ["break"],
    "BREAK": ["break"],
    "BREAKFAST, a break": [],
    "a cat AND a dog": ["and"],
    "SAND AND": [],
    "a and b": [],
    "<lora:dark:0.7> a cat": ["lora_tags"],
    "<lora:dark> a cat": ["lora_tags"],
    "<hypernet:x:1> <lora>": [],
    "": [],
}


@pytest.mark.parametrize("text", USES)
def test_what_a_text_uses(text: str) -> None:
    assert [notation.name for notation, _ in used(text)] == USES[text]


def test_every_notation_has_a_text_that_uses_it() -> None:
    assert {name for names in USES.values() for name in names} == set(NOTATIONS)


def test_tags_are_read_with_their_weights() -> None:
    tags = lora_tags("<lora:a:0.5> <lora:b> <lora:c:1.0:0.2> <lora:d:x> <lora: e :-1>")
    assert [(tag.name, tag.weight, tag.more) for tag in tags] == [
        ("a", 0.5, False),
        ("b", 1, False),
        ("c", 1, True),
        ("d", None, False),
        ("e", -1, False),
    ]


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("a cat <lora:x:1>", "a cat"),
        ("<lora:x:1> a cat", "a cat"),
        ("a cat, <lora:x:1>, a dog", "a cat, a dog"),
        ("<lora:x:1>", ""),
        ("a  cat", "a  cat"),
    ],
)
def test_a_text_without_its_tags(text: str, rest: str) -> None:
    assert without_lora_tags(text, lora_tags(text)) == rest


@given(st.text(alphabet="([<>:|]) .,0a\\BREAKND", max_size=3000))
@settings(max_examples=60, deadline=2000, derandomize=True, database=None)
def test_no_text_takes_long(text: str) -> None:
    list(used(text))
    lora_tags(text)


# -- in a request -------------------------------------------------------------------------------------------------

BASE: dict[str, object] = {"seed": 5, "subseed": 6, "width": 64, "height": 64}


def planned(tmp_path: Path, description: str, tables: dict[str, str], **fields: object) -> PlannedRun:
    folder = tmp_path / "mappings" / "plain"
    folder.mkdir(parents=True)
    (folder / "backend.yaml").write_text(f"format: 1\nname: plain\nextends: a1111\n{description}", encoding="utf-8")
    for name, text in tables.items():
        (folder / name).write_text(text, encoding="utf-8")
    client = FakeClient(backend="plain", catalog=Catalog([tmp_path]))
    return PipelineRunner(client).check(Plan((StageExecution("one", StageConfig("txt2img", fields)),)), BASE)


def body_and_warnings(run: PlannedRun) -> tuple[dict[str, Any], list[str]]:
    prepared = run.stages[0].prepared
    assert prepared is not None
    assert {warning.code for warning in prepared.warnings} <= {"prompt-notation"}
    return dict(prepared.bodies[0]), [warning.message for warning in prepared.warnings]


def test_a_server_that_reads_a_notation_is_told_nothing(tmp_path: Path) -> None:
    text = "a (cat:1.2) BREAK [dog] <lora:x:0.5>"
    body, warnings = body_and_warnings(planned(tmp_path, "", {}, prompt=text))
    assert (body["prompt"], warnings) == (text, [])


def test_what_is_lost_is_said(tmp_path: Path) -> None:
    fields = {"prompt": "a (cat:1.2) BREAK b", "hires_enabled": True, "hires_prompt": "a [dog]", "negative_prompt": "x"}
    _, warnings = body_and_warnings(planned(tmp_path, "notations: [attention]\n", {}, **fields))
    assert warnings == [
        "prompt holds 'BREAK', which this back end does not read: the prompt is not cut into chunks there",
        "hires_prompt holds '[dog]', which this back end does not read: the words are not weighed down",
    ]


def test_a_back_end_that_says_nothing_is_taken_at_its_word() -> None:
    assert Catalog([Path(__file__).resolve().parent.parent / "own_backend"]).backend("easel").notations is None


def test_tags_become_the_field_where_tags_are_not_read(tmp_path: Path) -> None:
    run = planned(tmp_path, "notations: []\n", {}, prompt="a cat <lora:x:0.5>, <lora:y>", loras=[{"name": "z"}])
    body, warnings = body_and_warnings(run)
    # The table of the parent writes the field as tags again: the field's own come first, tags after them.
    assert body["prompt"] == "a cat <lora:z:1> <lora:x:0.5> <lora:y:1>"
    assert warnings == []
    request = run.stages[0].request
    assert request is not None
    assert request.fields["loras"] == [{"name": "z", "weight": 1}]


def test_a_tag_that_cannot_become_an_item_is_told_of(tmp_path: Path) -> None:
    _, warnings = body_and_warnings(planned(tmp_path, "notations: []\n", {}, prompt="a <lora:x:much> <lora:y:1:0.5>"))
    assert warnings == [
        "prompt holds '<lora:y:1:0.5>': its first weight counts for all parts of the model here",
        "prompt holds '<lora:x:much>', which this back end does not read: "
        "the LoRA is not loaded, and its tag is drawn as words",
    ]


def test_no_more_tags_than_the_field_holds(tmp_path: Path) -> None:
    text = " ".join(f"<lora:x{number}:1>" for number in range(20))
    body, warnings = body_and_warnings(planned(tmp_path, "notations: []\n", {}, prompt=text))
    assert body["prompt"].count("<lora:") == 20
    assert [message.split("'")[1] for message in warnings] == ["<lora:x16:1>"]

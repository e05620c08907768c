"""The pytest plugin, used as a person with tables of their own would: in a folder outside of the project."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import TableError
from engine.testing import load_cases
from tests.review.sides import EASEL, edited, lay_out


def run(folder: Path, *arguments: str, test: str | None = None) -> tuple[int, str]:
    """pytest in a folder of its own, with nothing of this project's settings."""
    if test is not None:
        (folder / "test_mine.py").write_text(test, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        str(folder / "pytest.ini"),
        *arguments,
    ]
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def test_a_folder_of_tables_is_tested_without_a_test_file(tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "tables")
    wrong = folder / "cases/easel/errors/unknown.yaml"
    wrong.parent.mkdir(parents=True)
    wrong.write_text("stages: [{stage_type: txt2img, stage_config: {promt: a cat}}]\n", encoding="utf-8")

    code, text = run(
        folder, "--mappings", ".", test="def test_of_mine(): raise AssertionError('only the tables were named')"
    )
    assert code == 1, text
    assert "only the tables were named" not in text
    assert "easel/txt2img/plain has no snapshot yet" in text
    assert "pytest --snapshot-update keeps what is built now" in text

    code, text = run(folder, "--mappings", ".", "--snapshot-update", "-k", CASES)
    assert code == 0, text
    kept = sorted(path.relative_to(folder / "snapshots").as_posix() for path in (folder / "snapshots").rglob("*.*"))
    assert kept == [
        "easel/errors/unknown.txt",
        "easel/frame/two.json",
        "easel/txt2img/framed.json",
        "easel/txt2img/plain.json",
        "fresco/frame/two.json",
        "fresco/txt2img/framed.json",
        "fresco/txt2img/large.json",
        "fresco/txt2img/plain.json",
    ]
    assert "did you mean 'prompt'?" in (folder / "snapshots/easel/errors/unknown.txt").read_text(encoding="utf-8")
    assert '"picture": "sha256:' in (folder / "snapshots/easel/frame/two.json").read_text(encoding="utf-8")

    edited(folder, (EASEL, "words/no: negative_prompt", 'words/no: {from: negative_prompt, replace: {"": none}}'))
    (folder / "snapshots/easel/txt2img/gone.json").write_text("[]\n", encoding="utf-8")
    code, text = run(folder, "--mappings", ".", "-m", "not stage(type='frame')", "-k", CASES)
    assert code == 1, text
    assert 'words/no: "" -> "none"   [mappings/easel/txt2img.yaml:5:3]' in text
    assert "fresco/txt2img/large is not what" in text
    assert "frame/two" not in text
    assert "snapshots without a case, to be deleted: easel/txt2img/gone.json" in text
    assert (folder / "snapshots/easel/frame/two.json").is_file(), "what was deselected is not pruned"

    edited(folder, (EASEL, "rows:\n", "rows:\n  hand: {value: left}\n"))
    code, text = run(folder, "--mappings", ".", "-k", "proven")
    assert code == 1, text
    assert "mappings/easel/txt2img.yaml:4:3: error[row-unknown-target]" in text


#: Without the configs that are drawn, which take their time.
CASES = "not contracts and not plainly"

CONVERSATIONS = {
    "txt2img/two-of-three": """\
why: The server gives fewer pictures than it was asked for.
stage: {prompt: a cat, batch_size: 3, seed: 4}
answers:
  - json: {result: {pictures: [{data: {picture: [64, 48]}}, {data: {picture: [64, 48]}}], about: {seeds: [4, 5]}}}
""",
    "txt2img/refused": """\
why: The server says what is wrong.
stage: {prompt: a cat}
answers: [{status: 500, json: {problem: out of paint}}]
""",
    "frame/one-of-two": """\
why: The second call is cut off, and the picture of the first is kept. A third would not be asked for.
inputs: [[64, 48], [32, 24]]
answers: [{json: {result: {pictures: [{data: {picture: [64, 48]}}]}}}, {fails: unreachable}, {text: never asked for}]
""",
    "frame/stopped": """\
why: The run is cancelled before the second picture.
inputs: [[64, 48], [32, 24]]
answers: [{json: {result: {pictures: [{data: {picture: [64, 48]}}]}}}]
cancel_at: 0
""",
}


def test_a_case_may_say_what_the_server_answers(tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "tables")
    for name, text in CONVERSATIONS.items():
        case = folder / "cases/easel" / f"{name}.yaml"
        case.parent.mkdir(parents=True, exist_ok=True)
        case.write_text(text, encoding="utf-8")
    code, text = run(folder, "--mappings", ".", "--snapshot-update", "-k", CASES)
    assert code == 0, text
    kept = {name: json.loads((folder / f"snapshots/easel/{name}.json").read_text("utf-8")) for name in CONVERSATIONS}
    assert kept["txt2img/two-of-three"]["result"]["seeds"] == [4, 5]
    (warning,) = kept["txt2img/two-of-three"]["result"]["warnings"]
    assert "3 images were asked for and 2 came" in warning
    assert "out of paint" in kept["txt2img/refused"]["error"]
    cut_off = kept["frame/one-of-two"]
    assert [one["request"] for one in cut_off["requests"]] == ["POST /api/frame it"] * 2
    assert len(cut_off["result"]["images"]) == 1
    assert cut_off["result"]["error"].startswith("BackendUnreachableError [backend-cut-off]")
    assert cut_off["answers_not_asked_for"] == 1
    assert kept["frame/stopped"]["result"]["cancelled"] is True
    assert not any("iVBOR" in json.dumps(one) for one in kept.values()), "no picture's data is kept"

    edited(folder, ("cases/easel/txt2img/refused.yaml", "out of paint", "out of oil"))
    code, text = run(folder, "--mappings", ".", "-k", "refused")
    assert code == 1, text
    assert "error: " in text
    assert "out of oil" in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("answers: [{}]", "an answer says one of json, text, picture, fails"),
        ("answers: [{json: 1, text: a}]", "an answer says one of json, text, picture, fails"),
        ("answers: [{json: 1, status: true}]", "'status' is a number from 100 to 599"),
        ("answers: [{fails: maybe}]", "'fails' is one of unreachable, timeout"),
        ("answers: [{picture: [0, 4]}]", "a picture is a width and a height in pixels"),
        ("answers: [{jsn: 1, text: a}]", "an answer has no 'jsn'"),
        ("answers: [{json: 1, after: soon}]", "'after' is in seconds, from 0"),
        ("cancel_at: -1", "'cancel_at' is in seconds, from 0"),
        ("inputs: [[1, 2, 3]]", "a picture is a width and a height in pixels"),
        ("wy: x", "a case has no 'wy'"),
    ],
)
def test_a_case_that_is_none_is_said_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    folder = lay_out(tmp_path / "tables")
    file = folder / "cases/easel/frame/wrong.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(f"why: It is wrong.\n{text}\n", encoding="utf-8")
    with pytest.raises(TableError) as caught:
        load_cases(folder)
    assert said in str(caught.value)
    assert all(str(f.at).startswith("cases/easel/frame/wrong.yaml:2:") for f in caught.value.findings)


TEST_OF_ONES_OWN = """\
import pytest
from engine.errors import TableError
from engine.testing import load_cases

@pytest.mark.parametrize("case", load_cases("tables"))
def test_a_case_is_what_it_was(case, payload_snapshot):
    payload_snapshot(case)

def test_the_folder(stage_engine):
    assert stage_engine.path.name == "{name}"
"""


def test_a_test_of_ones_own_uses_the_same_cases(tmp_path: Path) -> None:
    lay_out(tmp_path / "tables")
    test = TEST_OF_ONES_OWN.format(name=tmp_path.name)
    code, text = run(tmp_path, "--snapshot-update", "-W", r"ignore:\s*Can not relate snapshot", test=test)
    assert code == 0, text
    assert (tmp_path / "tables/snapshots/easel/txt2img/plain.json").is_file()
    code, text = run(tmp_path, "-m", "backend(name='fresco') and stage(type='txt2img')", test=test)
    assert code == 0, text
    assert "3 passed, 5 deselected" in text


def test_where_snapshots_are_kept_is_said_for_tests_of_ones_own_and_for_no_others(tmp_path: Path) -> None:
    lay_out(tmp_path / "tables")
    test = TEST_OF_ONES_OWN.format(name=tmp_path.name)
    kept = ("-o", "stage_engine_snapshots=kept", "-W", r"ignore:\s*Can not relate snapshot", "--snapshot-update")
    code, text = run(tmp_path, *kept, test=test)
    assert code == 0, text
    assert (tmp_path / "kept/easel/txt2img/plain.json").is_file()
    assert not (tmp_path / "tables/snapshots").exists()
    code, text = run(tmp_path, "--mappings", "tables", "-k", "what_it_was", *kept)
    assert code == 0, text
    assert (tmp_path / "tables/snapshots/easel/txt2img/plain.json").is_file()


def test_a_folder_that_is_none_is_a_matter_of_usage(tmp_path: Path) -> None:
    code, text = run(tmp_path, "--mappings", "nowhere")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "--mappings nowhere: there is no folder nowhere/mappings" in text.replace("\\", "/")


def test_the_plugin_costs_nothing_until_it_is_used() -> None:
    script = "import sys, engine.testing.plugin; print(*(m for m in sys.modules if m.startswith(('engine', 'syrupy'))))"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert sorted(done.stdout.split()) == ["engine", "engine.testing", "engine.testing.plugin"]


def test_cases_are_marked_so_that_they_can_be_chosen(tmp_path: Path) -> None:
    params = load_cases(lay_out(tmp_path / "tables"))
    marks = {(param.id, *(next(iter(mark.kwargs.items())) for mark in param.marks)) for param in params}
    assert ("fresco/frame/two", ("name", "fresco"), ("type", "frame")) in marks


MISTAKEN = """\
from engine.testing import naive, properties

class Mistaken(naive.Naive):
    def build(self, stage, resolved, images):
        bodies = super().build(stage, resolved, images)
        return [{**body, "frame": {**body["frame"], "wood": "plastic"}} for body in bodies]

properties.Naive = Mistaken
"""


def property_tests(folder: Path, *arguments: str) -> tuple[int, str]:
    return run(folder, "--mappings", ".", "-k", "contracts or plainly", *arguments)


def test_configs_that_are_drawn_find_what_no_case_shows(tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "tables")
    code, text = property_tests(folder)
    assert code == 0, text
    assert "8 passed" in text, "two properties of two stage types of two back ends"

    (folder / "mistaken.py").write_text(MISTAKEN, encoding="utf-8")
    code, text = property_tests(folder, "-p", "mistaken", "-m", "backend(name='easel') and stage(type='frame')")
    assert code == 1, text
    assert "1 failed, 1 passed" in text
    assert "easel/frame is read in two ways:" in text
    assert 'call/0/frame/wood: "plastic" where the files are read plainly, "oak" as it is built' in text
    assert "base_config: {}" in text, "what has nothing to do with it is left out"


def test_a_form_that_the_plain_reading_does_not_know_is_skipped_with_its_reason(tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "tables")
    edited(folder, (EASEL, "seed: seed\n", "seed: seed\n  ticket: {late: job_id}\n"))
    edited(folder, ("schemas/easel/paint.json", '"seed": {', '"ticket": {"type": "string"},\n    "seed": {'))
    code, text = property_tests(folder, "-rs")
    assert code == 0, text
    assert "the naive interpreter does not know this: a row has the form late" in text

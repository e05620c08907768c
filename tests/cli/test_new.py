"""`stage-engine new`: what it writes passes check, builds, and overwrites nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from engine.backends.catalog import Catalog
from engine.cases import BuiltCase
from engine.cli.new import NewBackendOptions, NewCaseOptions, new_backend, new_case
from engine.cli.output import Output
from engine.documents import parse_yaml
from engine.reference.generated import stale_findings
from engine.reference.starters import backend_files, case_text
from engine.testing.tables import TablesUnderTest
from tests.cli.test_command import run
from tests.editor.test_table_schema import said, tables_of

RULES = Catalog().rules
PLAN = "stages:\n  - stage_type: txt2img\n    stage_config: {prompt: a lighthouse, steps: 9}\n"


def files_of(folder: Path) -> dict[str, str]:
    return {str(f.relative_to(folder)): f.read_text(encoding="utf-8") for f in folder.rglob("*") if f.is_file()}


def results(folder: Path) -> dict[str, object]:
    return {str(one): one.result for one in TablesUnderTest(folder).runs()}


def test_a_back_end_from_nothing_passes_check_builds_and_runs_its_case(tmp_path: Path) -> None:
    made = run("new", "backend", "mine", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert sorted(made.stdout.splitlines()) == sorted(files_of(tmp_path))
    assert "stage-engine check ." in made.stderr
    checked = run("check", ".", cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout
    (tmp_path / "plan.yaml").write_text(PLAN, encoding="utf-8")
    shown = run("payloads", "plan.yaml", "--backend", "mine", "--tables", ".", "--json", cwd=tmp_path)
    (stage,) = json.loads(shown.stdout)["stages"]
    assert stage["calls"][0]["body"]["steps"] == 9
    built = results(tmp_path)
    assert list(built) == ["mine/txt2img/minimal"]
    assert all(isinstance(result, BuiltCase) for result in built.values())


def test_its_files_are_what_an_editor_is_content_with(tmp_path: Path) -> None:
    run("new", "backend", "mine", cwd=tmp_path)
    schema = json.loads((tmp_path / "schemas" / "table.json").read_text(encoding="utf-8"))
    (table,) = tables_of(tmp_path)
    assert said(schema, table) == []
    assert "mine/txt2img" in schema["allOf"][0]["if"]["properties"]["payload"]["enum"]


def test_a_back_end_that_is_another_but_for_what_it_says(tmp_path: Path) -> None:
    assert run("new", "backend", "kid", "--extends", "a1111", "--into", "tables", cwd=tmp_path).returncode == 0
    assert run("check", "tables", cwd=tmp_path).returncode == 0
    catalog = Catalog([tmp_path / "tables"])
    assert catalog.stages("kid") == catalog.stages("a1111")
    (tmp_path / "plan.yaml").write_text(PLAN, encoding="utf-8")
    bodies = []
    for backend in ("kid", "a1111"):
        options = ("--backend", backend, "--tables", "tables", "--json")
        data = json.loads(run("payloads", "plan.yaml", *options, cwd=tmp_path).stdout)
        bodies.append(data["stages"][0]["calls"][0]["body"])
    assert bodies[0] == bodies[1]


def test_a_second_back_end_leaves_the_first_as_it_is(tmp_path: Path) -> None:
    run("new", "backend", "one", cwd=tmp_path)
    before = files_of(tmp_path)
    assert run("new", "backend", "two", "--extends", "one", cwd=tmp_path).returncode == 0
    after = files_of(tmp_path)
    assert {name for name in before if before[name] != after[name]} == {"schemas/table.json"}
    assert stale_findings(Catalog([tmp_path])) == []


@pytest.mark.parametrize("stage", list(RULES.stages))
def test_a_case_of_each_stage_type_builds(stage: str, tmp_path: Path) -> None:
    new_backend(NewBackendOptions("kid", "a1111", tmp_path), Output())
    new_case(NewCaseOptions("kid", stage, "first", tmp_path), Output())
    result = results(tmp_path)[f"kid/{stage}/first"]
    assert isinstance(result, BuiltCase), result


@pytest.mark.parametrize("stage", [name for name, stage in RULES.stages.items() if not stage.takes_images])
def test_a_back_end_of_any_stage_type_that_makes_pictures_is_proven(stage: str, tmp_path: Path) -> None:
    for name, text in backend_files("mine", RULES, RULES.stages[stage]).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert list(Catalog([tmp_path]).backend("mine").stages) == [stage]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    run("new", "backend", "mine", cwd=tmp_path)
    run("new", "case", "mine", "txt2img", "tall", cwd=tmp_path)
    before = files_of(tmp_path)
    for arguments in (("backend", "mine"), ("case", "mine", "txt2img", "tall"), ("backend", "a1111")):
        done = run("new", *arguments, cwd=tmp_path)
        assert done.returncode == 2
        assert "already" in done.stderr
    (tmp_path / "mappings" / "other").mkdir()
    (tmp_path / "mappings" / "other" / "txt2img.yaml").write_text("mine own\n", encoding="utf-8")
    before = files_of(tmp_path)
    assert run("new", "backend", "other", cwd=tmp_path).returncode == 2
    assert files_of(tmp_path) == before, "where one file is in the way, none is written"


@pytest.mark.parametrize("name", ["", ".", "..", "../up", "a/b", "A B", "-x", "con", "nul.yaml", "ä", "a" * 65, "x."])
def test_names_that_are_none(name: str, tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter):
        new_backend(NewBackendOptions(name, None, tmp_path), Output())
    assert files_of(tmp_path) == {}


def test_a_reason_with_a_colon_is_still_yaml() -> None:
    text = case_text(RULES, RULES.stages["txt2img"], "it shows: this")
    value = parse_yaml(text, "case.yaml").value
    assert isinstance(value, dict)
    assert value["why"] == "it shows: this"


def test_an_unknown_back_end_or_stage_is_named(tmp_path: Path) -> None:
    done = run("new", "case", "a1111", "txt2im", "x", cwd=tmp_path)
    assert done.returncode == 2
    assert "did you mean 'txt2img'?" in " ".join(done.stderr.replace("│", " ").split())
    assert run("new", "backend", "x", "--extends", "a111", cwd=tmp_path).returncode == 2

"""What the README says works: its plan is a plan, its code runs, its commands are those that the gate runs."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

import engine
from engine.backends.catalog import Catalog
from engine.cli.app import app
from engine.plan_files import load_plan
from engine.preview import PreviewServer, preview_of
from engine.runner import PipelineRunner

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_plan_is_in_order(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(blocks("yaml")[0], encoding="utf-8")
    catalog = Catalog()
    file = load_plan(plan, catalog)
    client = engine.ApiClient("http://127.0.0.1:1", backend="a1111", catalog=catalog)
    planned = PipelineRunner(client).check(file.plan, file.base_config)
    assert [stage.execution.id for stage in planned.stages] == ["base", "polish", "faces"]


def test_the_host_example_makes_its_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with PreviewServer(check=lambda _name, _body: []) as server:
        code = blocks("python")[0].replace("http://127.0.0.1:7860", server.url)
        exec(compile(code, "README.md", "exec"), {})
    assert [file.name for file in tmp_path.iterdir()] == ["lighthouse-1.png"]


@pytest.mark.parametrize("command", ["stage-engine run examples/portrait.yaml", "pytest"])
def test_the_gate_runs_the_commands_that_the_readme_gives(command: str) -> None:
    gate = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.search(rf"^    pip install '.*' && {re.escape(command)}$", README, re.MULTILINE)
    assert f"&& {command})" in gate


def commands() -> list[list[str]]:
    """Every command of ours that the README tells to type, in order."""
    lines = re.findall(r"^    (?:pip install '.*' && )?(stage-engine .*)$", README, re.MULTILINE)
    return [shlex.split(line)[1:] for line in lines]


def test_every_command_that_it_tells_to_type_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this order, in a folder that holds the examples alone. For a real server stands a preview of its kind."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    typed = commands()
    assert len(typed) >= 8
    for arguments in typed:
        if "--url" in arguments:
            backend = arguments[arguments.index("--backend") + 1]
            with preview_of(Catalog(), backend) as server:
                where = arguments.index("--url") + 1
                its_own = (word.replace("sd_xl_base_1.0", "preview-sdxl") for word in arguments[where + 1 :])
                done = CliRunner().invoke(app, [*arguments[:where], server.url, *its_own])
        else:
            done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, (arguments, done.output)

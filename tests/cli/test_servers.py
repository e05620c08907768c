"""The commands that ask what can be done, and a run that asks its server first."""

from __future__ import annotations

import json
from pathlib import Path

from tests.capabilities.answering import Answering
from tests.capabilities.test_probe import ANSWERS
from tests.cli.command import ROOT, run

MODEST = ROOT / "tests" / "capabilities" / "modest"
PLAN = "base_config: {prompt: a, model: draem}\nstages: [{stage_type: txt2img}]\n"


def plan(folder: Path, text: str = PLAN) -> Path:
    file = folder / "plan.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_probe_tells_unknown_from_none(tmp_path: Path) -> None:
    with Answering({**ANSWERS, "/sdapi/v1/loras": (500, {"error": "disk"})}) as server:
        done = run("probe", "--url", server.url, cwd=tmp_path)
        told = json.loads(run("probe", "--url", server.url, "--json", cwd=tmp_path).stdout)
    assert done.returncode == 0
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert lines["vaes"].split()[1:] == ["none"]
    assert lines["loras"].split()[1:] == ["unknown"]
    assert "dream.safetensors [31e35c80fc]" in lines["checkpoints"]
    assert "warning[probe-unanswered]" in done.stderr
    assert (told["schema_version"], told["reachable"], told["vaes"], told["loras"]) == (1, True, [], None)


def test_a_server_that_is_not_there_is_exit_code_4(tmp_path: Path) -> None:
    done = run("probe", "--url", "http://127.0.0.1:9", cwd=tmp_path)
    assert done.returncode == 4
    assert "cannot be reached" in done.stderr
    assert done.stdout == ""


def test_a_run_asks_first_and_makes_nothing_where_a_name_is_lacking(tmp_path: Path) -> None:
    with Answering(ANSWERS) as server:
        done = run("run", plan(tmp_path), "--url", server.url, "--out", "made", cwd=tmp_path)
        assert not any(path.endswith("txt2img") for path in server.asked)
        forced = run("run", plan(tmp_path), "--url", server.url, "--out", "made", "--no-probe", cwd=tmp_path)
        assert server.asked[-1].endswith("txt2img")
    assert done.returncode == 3
    assert "plan.yaml:1:26: error[server-lacks-name] the server has no checkpoint 'draem'" in done.stderr
    assert "did you mean 'dream'?" in done.stderr
    assert not (tmp_path / "made").exists()
    assert forced.returncode == 1


def test_a_names_file_is_read_where_it_is_named_and_where_it_lies(tmp_path: Path) -> None:
    text = "format: 1\ncheckpoints: {draem: {a1111: dream.safetensors}}\n"
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    home = tmp_path / "home"
    (home / "stage-engine").mkdir(parents=True)
    (home / "stage-engine" / "names.yaml").write_text(text.replace("dream.", "other."), encoding="utf-8")

    def sent(*more: str) -> str:
        done = run("payloads", plan(tmp_path), "--json", *more, cwd=tmp_path, XDG_CONFIG_HOME=str(home))
        body = json.loads(done.stdout)["stages"][0]["calls"][0]["body"]
        return str(body["override_settings"]["sd_model_checkpoint"])

    assert sent() == "other.safetensors"
    assert sent("--names", "mine.yaml") == "dream.safetensors"


def test_what_back_ends_can_do(tmp_path: Path) -> None:
    wide = run("backends", "--tables", MODEST, cwd=tmp_path, COLUMNS="160")
    narrow = run("backends", "--tables", MODEST, cwd=tmp_path, COLUMNS="40")
    assert (wide.returncode, narrow.returncode) == (0, 0)
    assert "stages of type upscale:  it only samples" in wide.stdout
    assert any(line.split()[:2] == ["txt2img:", "refiner"] for line in wide.stdout.splitlines())
    assert "\n  no:  upscale" in narrow.stdout
    told = json.loads(run("backends", "--tables", MODEST, "--json", cwd=tmp_path).stdout)
    modest = next(one for one in told["backends"] if one["name"] == "modest")
    assert {"kind": "group", "name": "refiner", "reason": "it holds one checkpoint at a time", "stage": None} in modest[
        "cannot"
    ]
    assert "restore_faces" in [one["name"] for one in modest["cannot"] if one["stage"] == "txt2img"]
    assert [stage["name"] for stage in modest["stages"]] == ["txt2img", "img2img", "hires", "adetailer"]

"""The command: exit codes, what goes where, what is kept when it is stopped."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.images import Image
from tests.cli.command import PORTRAIT, ROOT, Command, environment, run


def test_a_newcomer_gets_pictures(tmp_path: Path) -> None:
    done = run("run", PORTRAIT, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    files = [tmp_path / line for line in done.stdout.splitlines()]
    assert [file.name for file in files] == [
        "01-draw-1.png",
        "02-polish-1.png",
        "03-enlarge-1.png",
        "04-face-1.png",
    ]
    sizes = [(Image.from_file(file).width, Image.from_file(file).height) for file in files]
    assert sizes == [(768, 960), (768, 960), (1152, 1440), (1152, 1440)]
    assert "placeholders" in done.stderr
    manifest = json.loads((files[0].parent / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["status"] == "completed"
    assert manifest["schema_version"] == 1
    assert "base64" not in json.dumps(manifest)


def test_every_example_is_in_order(command: Command, tmp_path: Path) -> None:
    examples = sorted((ROOT / "examples").glob("*.yaml"))
    assert len(examples) >= 2
    done = command("check", *examples)
    assert done.code == 0, done.out + done.err


def test_json_is_all_that_goes_to_stdout(command: Command, small: Path) -> None:
    done = command("run", small, "--json")
    assert done.code == 0, done.err
    data = json.loads(done.out)
    assert data["status"] == "completed"
    assert [stage["status"] for stage in data["stages"]] == ["completed", "completed", "skipped"]
    assert [len(stage["images"]) for stage in data["stages"]] == [2, 2, 0]


def test_nothing_is_overwritten(command: Command, small: Path) -> None:
    first = command("run", small).lines
    second = command("run", small).lines
    assert not set(first) & set(second)
    assert all((small.parent / name).is_file() for name in (*first, *second))


def test_payloads_sends_nothing_and_shows_digests(command: Command, small: Path) -> None:
    done = command("payloads", small, "--stage", "polish", "--json")
    assert done.code == 0, done.err
    again = command("payloads", small, "--stage", "polish", "--json")
    assert done.out == again.out
    assert "predicted:64x64" in done.out
    assert '"hr_scale"' not in done.out
    assert not (small.parent / "pictures").exists()


def test_check_proves_all_tables(command: Command, tmp_path: Path) -> None:
    began = time.monotonic()
    done = command("check")
    assert done.code == 0
    assert "proven" in done.err
    # Not a benchmark: a proof that became exponential would show here.
    assert time.monotonic() - began < 30


def test_findings_have_places_and_exit_with_3(command: Command, tmp_path: Path) -> None:
    plan = tmp_path / "bad.yaml"
    plan.write_text("stages:\n  - stage_type: txt2img\n    stage_config: {stepz: 3, seed: true}\n", encoding="utf-8")
    done = command("run", plan)
    assert done.code == 3
    assert done.out == ""
    assert "bad.yaml:3:20: error[config-unknown-key]" in done.err
    assert "did you mean 'steps'?" in done.err
    assert "error[config-value] seed must be a whole number, not true" in done.err
    assert not (tmp_path / "pictures").exists()


def test_a_bad_table_exits_with_3(command: Command, tmp_path: Path) -> None:
    (tmp_path / "mappings" / "mine").mkdir(parents=True)
    (tmp_path / "mappings" / "mine" / "backend.yaml").write_text("format: 1\nname: mine\ntitel: x\n", encoding="utf-8")
    done = command("check", tmp_path, "--json")
    assert done.code == 3
    assert "form-unknown-word" in done.out
    json.loads(done.out)


def test_a_server_that_is_not_there_exits_with_4(command: Command, small: Path) -> None:
    done = command("run", small, "--url", "http://127.0.0.1:9")
    assert done.code == 4
    assert "cannot be reached" in done.err


@pytest.mark.parametrize("arguments", [("run",), ("run", "nowhere.yaml"), ("nonsense",), ("run", "--nope")])
def test_wrong_usage_exits_with_2(command: Command, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert command(*arguments).code == 2


def test_without_the_extra_one_line_says_how_to_get_it(tmp_path: Path) -> None:
    # An interpreter that does not see typer, as after a plain `pip install stage-engine`.
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.machinery, sys\n"
        "class Blind(importlib.machinery.PathFinder):\n"
        "    @classmethod\n"
        "    def find_spec(cls, name, path=None, target=None):\n"
        "        return None if name == 'typer' else super().find_spec(name, path, target)\n"
        "sys.meta_path[:] = [Blind if f is importlib.machinery.PathFinder else f for f in sys.meta_path]\n"
    )
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = run("check", cwd=tmp_path, PYTHONPATH=path)
    assert done.returncode == 2
    assert done.stderr.strip().count("\n") == 0
    assert "pip install 'stage-engine[cli]'" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")
def test_ctrl_c_keeps_what_was_made(tmp_path: Path) -> None:
    plan = tmp_path / "long.yaml"
    polish = "".join(f"  - {{id: p{n}, stage_type: img2img}}\n" for n in range(40))
    size = "{prompt: a, width: 768, height: 768}"
    plan.write_text(f"base_config: {size}\nstages:\n  - {{id: base, stage_type: txt2img}}\n{polish}", encoding="utf-8")
    known = environment(COLUMNS="200")
    command = [sys.executable, "-m", "engine.cli", "run", str(plan), str(PORTRAIT)]
    with subprocess.Popen(
        command, cwd=tmp_path, env=known, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        first = tmp_path / "pictures" / "long" / "01-base-1.png"
        deadline = time.monotonic() + 60
        while not first.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    listed = out.splitlines()
    assert listed
    assert all((tmp_path / name).is_file() for name in listed)
    manifest = json.loads((first.parent / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["status"] == "cancelled"
    # The plan whose turn had not come is not begun.
    assert re.search(r"portrait\.yaml +not run", err.replace("\n", " "))
    assert not (tmp_path / "pictures" / "portrait").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")
@pytest.mark.parametrize("words", [("run", "small.yaml", "small.yaml"), ("probe",)], ids=["run", "probe"])
def test_one_ctrl_c_leaves_a_server_that_does_not_say_what_it_has(small: Path, words: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        command = [sys.executable, "-m", "engine.cli", *words, "--url", url, "--json"]
        with subprocess.Popen(
            command, cwd=small.parent, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            asked, _ = silent.accept()
            with asked:
                process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=10)  # an answer would be waited for 20 s
    assert process.returncode == 130, err
    assert "Traceback" not in err
    if words[0] == "run":
        assert [(p["status"], p["exit_code"]) for p in json.loads(out)["plans"]] == [("not_run", 130), ("not_run", 0)]
        assert "Stopped while the server was asked what it has. Nothing was made." in err
        assert not (small.parent / "pictures").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")
def test_a_second_ctrl_c_leaves_a_server_that_says_nothing(small: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        command = [sys.executable, "-m", "engine.cli", "run", str(small), "--url", url, "--json", "--no-probe"]
        with subprocess.Popen(
            command, cwd=small.parent, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            asked, _ = silent.accept()  # the first stage is asked for
            with asked:
                process.send_signal(signal.SIGINT)
                time.sleep(0.3)
                process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert [stage["status"] for stage in json.loads(out)["stages"]] == ["cancelled", "skipped", "skipped"]

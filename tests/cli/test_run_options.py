"""`run` for programs and pipes: several plans, JSON, events, quiet; every line of events held against its schema."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.cli.command import ROOT, Command, Done, environment

EVENTS = jsonschema.Draft202012Validator(json.loads((ROOT / "schemas" / "events.json").read_text(encoding="utf-8")))


def events_in(text: str) -> list[dict[str, Any]]:
    """Every line, held against the schema."""
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        EVENTS.validate(line)
    return lines


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    plan = tmp_path / "bad.yaml"
    plan.write_text("stages: [{stage_type: txt2im}]\n", encoding="utf-8")
    return plan


def test_quiet_says_the_files_and_nothing_else(command: Command, small: Path) -> None:
    done = command("run", small, "--quiet")
    assert (done.code, done.err) == (0, "")
    assert [(small.parent / line).is_file() for line in done.lines] == [True] * 4


def test_quiet_still_says_what_is_wrong(command: Command, bad: Path) -> None:
    done = command("run", bad, "-q")
    assert (done.code, done.out) == (3, "")
    assert "plan-unknown-stage" in done.err


def test_a_plan_from_stdin(command: Command, small: Path) -> None:
    done = command("run", "-", "-q", "--stages", "draw", given=small.read_text(encoding="utf-8"))
    assert done.lines == [str(Path("pictures", "stdin", f"01-draw-{number}.png")) for number in (1, 2)]


def test_a_plan_from_stdin_may_be_json(command: Command) -> None:
    done = command("payloads", "-", given='\ufeff {"stages": [{"stage_type": "txt2im"}]}')
    assert done.code == 3
    assert "<stdin>:1:14: error[plan-unknown-stage]" in done.err


def test_nothing_on_stdin_is_no_plan(command: Command) -> None:
    done = command("run", "-")
    assert done.code == 3
    assert "<stdin>:1:1: error[document-syntax] The file is empty." in done.err


def test_a_plan_with_the_line_ends_of_windows(command: Command, small: Path) -> None:
    small.write_bytes(small.read_bytes().replace(b"\n", b"\r\n").replace(b"img2img, stage", b"img2imm, stage"))
    done = command("payloads", small)
    assert "small.yaml:4:5: error[plan-unknown-stage]" in done.err
    assert "     4 │   - {id: polish, stage_type: img2imm" in done.err


# -- several plans ------------------------------------------------------------------------------------------------


def test_one_plan_that_is_wrong_does_not_stop_the_others(command: Command, small: Path, bad: Path) -> None:
    done = command("run", small, bad, small, "--stages", "..", "--set", "draw.batch_size=1", "--json")
    # `--set draw…` names no stage of the plan that is wrong, and that is wrong usage: nothing is run.
    assert done.code == 2
    assert "bad.yaml: the plan has no stage 'draw'" in unfolded(done)
    done = command("run", small, bad, small, "--json")
    assert done.code == 3
    assert done.data["exit_code"] == 3
    assert "bad.yaml is not in order:" in done.err
    plans = done.data["plans"]
    assert [plan["status"] for plan in plans] == ["completed", "refused", "completed"]
    assert [plan["exit_code"] for plan in plans] == [0, 3, 0]
    assert plans[1]["error"]["code"] == "plan-unknown-stage"
    folders = [plan["folder"] for plan in (plans[0], plans[2])]
    assert folders == [str(Path("pictures", "small")), str(Path("pictures", "small-2"))]


def test_the_summary_names_every_plan(command: Command, small: Path, bad: Path) -> None:
    done = command("run", small.name, bad.name, "--out", "there")
    rows = [line.split() for line in done.err.splitlines()[-2:]]
    assert rows == [
        ["small.yaml", "done", "4", str(Path("there", "small"))],
        ["bad.yaml", "refused", "0"],
    ]
    assert [Path(line).parent for line in done.lines] == [Path("there", "small")] * 4


def test_fail_fast_runs_nothing_where_a_plan_is_wrong(command: Command, small: Path, bad: Path) -> None:
    done = command("run", small, bad, "--fail-fast", "--json")
    assert done.code == 3
    assert [plan["status"] for plan in done.data["plans"]] == ["not_run", "refused"]
    assert not (small.parent / "pictures").exists()


def test_fail_fast_stops_at_a_run_that_fails(command: Command, small: Path) -> None:
    nobody = ["--url", "http://127.0.0.1:9", "--no-probe"]
    done = command("run", small, small, *nobody, "--fail-fast", "--json", "-q")
    assert done.code == 4
    assert [plan["status"] for plan in done.data["plans"]] == ["failed", "not_run"]
    done = command("run", small, small, *nobody, "--json", "-q")
    assert done.code == 4
    assert [plan["status"] for plan in done.data["plans"]] == ["failed", "failed"]


def test_a_server_that_is_away_refuses_every_plan_and_is_asked_once_with_fail_fast(
    command: Command, small: Path
) -> None:
    nobody = ["--url", "http://127.0.0.1:9", "--events", "log.ndjson"]
    done = command("run", small, small, *nobody, "--json")
    assert done.code == 4
    assert [plan["status"] for plan in done.data["plans"]] == ["refused", "refused"]
    assert done.err.count("cannot be run:\n") == done.err.count("cannot be reached") == 2
    done = command("run", small, small, *nobody, "--fail-fast", "--json")
    assert done.code == 4
    assert [plan["status"] for plan in done.data["plans"]] == ["refused", "not_run"]
    assert done.err.count("cannot be reached") == 1
    kinds = [line["kind"] for line in events_in(Path("log.ndjson").read_text(encoding="utf-8"))]
    assert kinds == ["plan_refused", "plan_refused", "plan_refused", "plan_not_run"]
    assert not (small.parent / "pictures").exists()


def test_a_folder_that_cannot_be_made_is_told(command: Command, small: Path) -> None:
    done = command("run", small, "--out", small / "below-a-file", "--json")
    assert done.code == 1
    assert done.data["error"]["code"] == "pictures-unsaved"
    assert "no folder can be made at" in done.err
    assert "hint: name another with --out" in done.err


# -- events -------------------------------------------------------------------------------------------------------


def test_events_go_line_by_line_into_a_file(command: Command, small: Path) -> None:
    first = command("run", small, "--events", "log.ndjson", "--json")
    lines = events_in(Path("log.ndjson").read_text(encoding="utf-8"))
    assert [line["kind"] for line in lines if line["kind"] != "progress"] == [
        "run_started",
        "stage_started",
        "stage_finished",
        "stage_started",
        "stage_finished",
        "run_finished",
    ]
    assert {line["run_id"] for line in lines} == {first.data["run_id"]}
    assert [name for line in lines for name in line.get("files", [])] == first.data["pictures"]
    assert lines[-1]["pictures"] == first.data["pictures"]
    assert (lines[-1]["status"], lines[-1]["exit_code"]) == ("completed", 0)
    command("run", small, "--events", "log.ndjson", "--quiet")
    assert len({line["run_id"] for line in events_in(Path("log.ndjson").read_text(encoding="utf-8"))}) == 2


def test_events_can_have_stdout_for_themselves(command: Command, small: Path, bad: Path) -> None:
    done = command("run", small, bad, "--events", "-", "--fail-fast")
    assert [line["kind"] for line in events_in(done.out)] == ["plan_refused", "plan_not_run"]
    done = command("run", small, "--events", "-", "--url", "http://127.0.0.1:9")
    lines = events_in(done.out)
    assert lines[-1]["exit_code"] == 4
    assert lines[-1]["error"]["code"] == "backend-unreachable"


def test_what_the_server_says_of_its_progress_is_an_event(command: Command, small: Path) -> None:
    done = command("run", small, "--events", "-", "--stages", "draw", "--preview-delay", "0.6")
    ratios = [line["ratio"] for line in events_in(done.out) if line["kind"] == "progress"]
    assert ratios
    assert ratios == sorted(ratios)
    # Lines that tell of it are for a terminal; a pipe has the stages.
    assert "%" not in done.err


def test_a_line_is_there_as_soon_as_it_happens(small: Path) -> None:
    command = [sys.executable, "-m", "engine.cli", "run", str(small), "--events", "-", "--preview-delay", "2"]
    with subprocess.Popen(
        command, cwd=small.parent, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        kinds = [json.loads(process.stdout.readline())["kind"] for _ in range(2)]
        assert process.poll() is None
        process.kill()
    assert kinds == ["run_started", "stage_started"]


def test_two_things_cannot_have_stdout(command: Command, small: Path) -> None:
    assert command("run", small, "--events", "-", "--json").code == 2


def test_no_image_data_is_in_an_event(command: Command, small: Path) -> None:
    done = command("run", small, "--events", "-")
    assert "iVBOR" not in done.out
    assert max(map(len, done.lines)) < 2000


def test_a_file_that_cannot_be_opened_is_wrong_usage(command: Command, small: Path) -> None:
    done = command("run", small, "--events", small.parent / "nowhere" / "log")
    assert done.code == 2
    assert not (small.parent / "pictures").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_events_that_are_lost_do_not_stop_the_run_and_fail_the_command(command: Command, small: Path) -> None:
    done = command("run", small, "--events", "/dev/full")
    assert done.code == 1
    assert "--events cannot be written any more: No space left on device" in done.err
    assert len(done.lines) == 4


# -- what is no plan ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("smal.yaml", "did you mean 'small.yaml'?"),
        ("nowhere/plan.yaml", "there is no plan"),
        (".", "is a folder"),
        ("a" * 300, "there is no plan"),
    ],
)
@pytest.mark.parametrize("verb", ["run", "payloads"])
def test_what_is_no_plan_is_wrong_usage(command: Command, small: Path, verb: str, name: str, words: str) -> None:
    done = command(verb, name)
    assert done.code == 2
    assert words in unfolded(done)


def test_stdin_holds_one_plan(command: Command) -> None:
    assert command("run", "-", "-").code == 2


def unfolded(done: Done) -> str:
    """What was said, without the frame and the folds that a narrow terminal brings."""
    return " ".join(done.err.replace("│", " ").split())

"""What happens to the streams: a reader that goes away, a full disk, none at all, too few characters."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import PORTRAIT, environment, run

needs_dev_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no shell redirections like these")


@needs_dev_full
@pytest.mark.parametrize("arguments", [("--help",), ("payloads", PORTRAIT)])
def test_a_full_disk_is_said_and_fails(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = run(*arguments, cwd=tmp_path, stdout=full)
    assert done.returncode == 1
    assert done.stderr.endswith("stdout cannot be written: No space left on device\n")
    assert "Traceback" not in done.stderr


@needs_dev_full
def test_a_wrong_plan_is_still_wrong_on_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("stages: []\n", encoding="utf-8")
    with Path("/dev/full").open("w") as full:
        done = run("payloads", "bad.yaml", "--json", cwd=tmp_path, stdout=full)
    assert done.returncode == 3


@needs_posix
@pytest.mark.parametrize("arguments", ["--help", f"payloads '{PORTRAIT}'"])
def test_a_reader_that_goes_away_is_no_failure(tmp_path: Path, arguments: str) -> None:
    # The reader is gone before the first byte; the command's own exit code is what counts.
    line = f"'{sys.executable}' -m engine.cli {arguments} 2>err | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout == "0\n"
    assert "Error" not in (tmp_path / "err").read_text(encoding="utf-8")


@needs_posix
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_stream_that_is_closed_is_no_failure(tmp_path: Path, closed: str) -> None:
    line = f"'{sys.executable}' -m engine.cli --version {closed}"
    assert subprocess.run(["bash", "-c", line], cwd=tmp_path, env=environment(), check=False).returncode == 0


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_characters_that_the_encoding_lacks_have_plain_twins(tmp_path: Path, encoding: str) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("stages: [{stage_type: txt2img, stage_config: {stepz: 1, prompt: 日}}]\n", encoding="utf-8")
    done = run("payloads", plan, cwd=tmp_path, PYTHONIOENCODING=encoding)
    assert done.returncode == 3
    assert re.search(r"^     1 \| stages: .*\\u65e5", done.stderr, re.MULTILINE)
    assert "\\u25" not in done.stderr


@pytest.mark.parametrize("width", ["0", "1", "nonsense", "99999"])
def test_a_width_that_is_none_hides_nothing(tmp_path: Path, width: str) -> None:
    done = run("--help", cwd=tmp_path, COLUMNS=width)
    assert done.returncode == 0
    assert "payloads" in done.stdout


@pytest.mark.parametrize("said", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": "xterm-256color"}])
def test_a_pipe_gets_no_escape_codes(tmp_path: Path, said: dict[str, str]) -> None:
    done = run("payloads", PORTRAIT, cwd=tmp_path, **{"NO_COLOR": "", **said})
    assert "\x1b" not in done.stdout + done.stderr


def test_colour_can_be_forced_into_a_pipe_and_nothing_else(tmp_path: Path) -> None:
    done = run("payloads", PORTRAIT, cwd=tmp_path, NO_COLOR="", FORCE_COLOR="1", TERM="xterm-256color")
    assert "\x1b[" in done.stdout
    plain = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
    assert "\x1b" not in plain
    assert plain == run("payloads", PORTRAIT, cwd=tmp_path).stdout

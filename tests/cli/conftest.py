"""The command in this process, in a folder of its own."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from engine.cli import main
from tests.cli.command import Command, Done, environment


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.chdir(tmp_path)
    known = environment()
    for name in os.environ.keys() - known.keys():
        monkeypatch.delenv(name)
    for name, value in known.items():
        monkeypatch.setenv(name, value)

    def call(*arguments: str | Path, given: str = "") -> Done:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode()), encoding="utf-8"))
        with pytest.raises(SystemExit) as ending:
            main([str(argument) for argument in arguments])
        code = ending.value.code
        captured = capsys.readouterr()
        assert isinstance(code, int)
        return Done(code, captured.out, captured.err)

    return call


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A plan of three stages that takes no time."""
    plan = tmp_path / "small.yaml"
    plan.write_text(SMALL, encoding="utf-8")
    return plan


SMALL = """\
base_config: {prompt: a lighthouse, seed: 7, subseed: 7, width: 64, height: 64, steps: 2, cfg_scale: 5}
stages:
  - {id: draw, stage_type: txt2img, stage_config: {batch_size: 2}}
  - {id: polish, stage_type: img2img, stage_config: {denoising_strength: 0.3, steps: 9}}
  - {id: again, stage_type: img2img, enabled: false}
"""

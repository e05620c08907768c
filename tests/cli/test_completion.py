"""What a shell completes, asked as the scripts of bash and zsh ask: by words in the environment."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import Command, environment

_ASK = "import sys; sys.argv[0] = 'stage-engine'; from engine.cli import main; main()"


def question(shell: str, line: str) -> dict[str, str]:
    """What a shell puts into the environment. The line's last word is being typed; a blank at its end begins one."""
    at = len(shlex.split(line)) - (not line.endswith(" "))
    return {
        "bash": {"_STAGE_ENGINE_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(at)},
        "zsh": {"_STAGE_ENGINE_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": line},
    }[shell]


def asked_in_a_process(cwd: Path, **said: str) -> str:
    """What the command answers to a shell."""
    command = [sys.executable, "-c", _ASK]
    done = subprocess.run(
        command, cwd=cwd, env=environment(**said), capture_output=True, text=True, encoding="utf-8", check=True
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("stage-engine pay", ["payloads"]),
        ("stage-engine run --fail", ["--fail-fast"]),
        ("stage-engine run small.yaml --backend a1", ["a1111"]),
        ("stage-engine run small.yaml --stages ", ["draw", "polish", "again", "txt2img", "img2img"]),
        ("stage-engine run small.yaml --stages po", ["polish"]),
        ("stage-engine run small.yaml --stages draw,po", ["draw,polish"]),
        ("stage-engine run small.yaml --stages draw..a", ["draw..again"]),
        ("stage-engine run small.yaml --stages draw,polish..a", ["draw,polish..again"]),
        ("stage-engine payloads small.yaml --stage po", ["polish"]),
        ("stage-engine payloads small.yaml --set cfg", ["cfg_scale="]),
        ("stage-engine run small.yaml --set pol", ["polish."]),
        ("stage-engine run small.yaml --set polish.denois", ["polish.denoising_strength="]),
        ("stage-engine run small.yaml --set img2img.denois", ["img2img.denoising_strength="]),
        ("stage-engine run small.yaml --set draw.denois", []),
        ("stage-engine run small.yaml --set draw.hires_en", ["draw.hires_enabled="]),
        ("stage-engine run small.yaml --set scheduler=k", ["scheduler=karras", "scheduler=kl_optimal"]),
        ("stage-engine run small.yaml --set draw.tiling=", ["draw.tiling=true", "draw.tiling=false"]),
        ("stage-engine run --set ste", ["steps="]),
        ("stage-engine explain hires_den", ["hires_denoise"]),
        ("stage-engine show a1111/ex", []),
        ("stage-engine show a1111/txt", ["a1111/txt2img"]),
        ("stage-engine show upsc", ["upscale"]),
        # What is not there gives no words and no complaint.
        ("stage-engine run small.yaml --stages nowh", []),
        ("stage-engine run nowhere.yaml --stages ", []),
        ("stage-engine run small.yaml --set nowhere.s", []),
        ("stage-engine run small.yaml --set nothing=", []),
        ("stage-engine run --tables nowhere --backend a1", ["a1111"]),
    ],
)
def test_words(command: Command, small: Path, monkeypatch: pytest.MonkeyPatch, line: str, words: list[str]) -> None:
    for name, value in question("bash", line).items():
        monkeypatch.setenv(name, value)
    assert [word for word in command().lines if word] == words


@pytest.mark.parametrize(("shell", "answer"), [("bash", "polish.steps="), ("zsh", '"polish.steps=":"Sampling steps')])
def test_a_shell_asks_a_process(small: Path, shell: str, answer: str) -> None:
    line = "stage-engine run small.yaml --set polish.ste"
    assert answer in asked_in_a_process(small.parent, **question(shell, line))


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_script_of_a_shell_can_be_had(tmp_path: Path, shell: str) -> None:
    script = asked_in_a_process(tmp_path, _STAGE_ENGINE_COMPLETE=f"source_{shell}")
    assert f"_STAGE_ENGINE_COMPLETE=complete_{shell}" in script

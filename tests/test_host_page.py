"""docs/host.md: its code runs, its tables name what there is, and a host is as short as it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

import engine
from engine.events import Event
from engine.preview import preview_of

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "host.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def column(heading: str) -> set[str]:
    """The words in code in the first column of the table under a heading."""
    part = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]*) \|", part, re.MULTILINE)
    return {word for row in rows for word in re.findall(r"`([\w.]+)", row)}


def test_every_block_runs_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    with preview_of(engine.Catalog(), "a1111") as server:
        for block in BLOCKS:
            before = PAGE[: PAGE.index(block)].count("\n")
            code = "\n" * before + block.replace("http://127.0.0.1:7860", server.url)
            exec(compile(code, str(ROOT / "docs" / "host.md"), "exec"), names)
    assert [file.name for file in tmp_path.iterdir()] == ["lighthouse-1.png"]
    assert names["message"].success


def test_the_first_block_is_a_host_of_40_lines() -> None:
    lines = [line for line in BLOCKS[0].splitlines() if line.strip()]
    assert 30 <= len(lines) <= 40


def test_it_names_every_error() -> None:
    errors = {name for name in engine.__all__ if name.endswith("Error")}
    assert column("Errors") >= errors - {"StageEngineError", "BackendError", "HostError"}


def test_it_names_every_event() -> None:
    kinds = set(get_args(get_type_hints(Event)["kind"]))
    assert column("Events") - {"kind"} == kinds


def test_it_names_every_logger() -> None:
    logged = {
        "engine.preview" if "preview" in file.parts else f"engine.{file.stem}"
        for file in (ROOT / "engine").rglob("*.py")
        if re.search(r"^_log = ", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert set(re.findall(r"`(engine\.\w+)`", PAGE.split("## Logging")[1])) == logged


def test_it_tells_of_every_public_name_that_is_a_hosts() -> None:
    told = set(re.findall(r"\w+", PAGE))
    inner = {"AnyPlan", "Cancellable", "Client", "Finding", "GenerateImagesRequest", "GenerateResult", "HasStages"}
    inner |= {"HostError", "HostOutcome", "HostResult", "HostStageEvent", "Listener", "PlanFile", "PlannedRun"}
    inner |= {"PlannedStage", "Position", "PreparedRequest", "Progress", "TheirClient", "__version__"}
    assert sorted(set(engine.__all__) - told - inner) == []

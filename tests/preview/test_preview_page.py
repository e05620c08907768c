"""What docs/preview.md says is so: its words for protocols and failures, and its example."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine.preview import PROTOCOLS, STAGES, read_fault

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "preview.md").read_text(encoding="utf-8")


def test_every_protocol_is_in_the_table() -> None:
    spoken = PAGE.partition("## What it speaks")[2].partition("## ")[0]
    assert re.findall(r"^\| `([\w-]+)` \|", spoken, re.MULTILINE) == list(PROTOCOLS)


def test_every_stage_type_that_can_fail_is_named() -> None:
    assert all(f"`{stage}`" in PAGE for stage in STAGES)


@pytest.mark.parametrize("written", sorted(set(re.findall(r"--fail-on (\S+=\w+)", PAGE)) - {"WHAT=HOW"}))
def test_failures_are_written_as_the_page_writes_them(written: str) -> None:
    read_fault(written)


@pytest.mark.parametrize("how", re.findall(r"^\| `(oom|drop|lost)` \|", PAGE, re.MULTILINE))
def test_ways_to_fail_are_ways(how: str) -> None:
    assert read_fault(f"1={how}").kind == how


def test_the_example_is_code() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    run: dict[str, object] = {}
    body = block.replace("    ...\n", "").replace(' == ["/sdapi/v1/txt2img"]', " == []")
    exec(compile(body, "docs/preview.md", "exec"), run)

"""docs/errors.md and the code say the same: every code is documented, every documented code can occur."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
BAD = ROOT / "tests" / "tables" / "bad"

#: Functions whose first argument is a finding's code, and the keyword by which errors take theirs.
NOTING = {"Finding", "EvaluationError", "fault", "_fault", "note", "find", "stop", "_error", "fail", "refused"}
NOTING |= {"warn", "_warn", "_is_one_of", "answer_error", "job_error"}
CODE = re.compile(r"url|[a-z0-9]+(?:-[a-z0-9]+)+")

#: Codes that are put together: from an HTTP status, or from how a run ended.
COMPOSED = {"http-unauthorized", "http-not-found", "http-too-many", "run-partial", "run-cancelled"}


def codes_in(file: Path) -> Iterator[str]:
    """Every code that this module notes or raises."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        places: list[ast.expr] = []
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            places = node.args[:1] if name in NOTING else []
            places += [keyword.value for keyword in node.keywords if keyword.arg == "code"]
        elif isinstance(node, ast.Assign):
            chosen = any(isinstance(target, ast.Name) and target.id == "code" for target in node.targets)
            places = [node.value] if chosen else []
        for place in places:
            for part in ast.walk(place):
                if isinstance(part, ast.Constant) and isinstance(part.value, str) and CODE.fullmatch(part.value):
                    yield part.value


def known() -> set[str]:
    files = (file for file in (ROOT / "engine").rglob("*.py") if "preview" not in file.parts or file.stem == "stand_in")
    clients = (ROOT / "mappings" / "host_client.yaml").read_text(encoding="utf-8")
    return {code for file in files for code in codes_in(file)} | COMPOSED | {*re.findall(r"code: ([a-z-]+)}", clients)}


def documented() -> dict[str, str]:
    """Code -> its entry."""
    parts = re.split(r"^### (\S+)$", PAGE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_code_has_an_entry() -> None:
    assert sorted(known() - documented().keys()) == []


def test_every_entry_is_a_code_that_can_occur() -> None:
    assert sorted(documented().keys() - known()) == []


def test_no_code_has_two_entries() -> None:
    headings = re.findall(r"^### (\S+)$", PAGE, flags=re.MULTILINE)
    assert len(headings) == len(set(headings))


@pytest.mark.parametrize("code", sorted(documented()))
def test_every_entry_says_what_to_do(code: str) -> None:
    assert "**Mend:** " in documented()[code]


def examples() -> list[tuple[str, str, str]]:
    """(code, file, text) of every bad table that the page shows."""
    shown = re.compile(r"<!-- (\S+) -->\n```\w+\n(.*?)\n```", re.DOTALL)
    return [(code, file, text) for code, entry in documented().items() for file, text in shown.findall(entry)]


@pytest.mark.parametrize(("code", "file", "text"), examples(), ids=[code for code, _, _ in examples()])
def test_the_bad_tables_on_the_page_are_the_tested_ones(code: str, file: str, text: str) -> None:
    assert (ROOT / file).read_text(encoding="utf-8").rstrip("\n") == text
    expected = ROOT / "/".join(file.split("/")[:4]) / "expected.txt"
    assert f"```text\n{expected.read_text(encoding='utf-8').rstrip()}\n```" in documented()[code]
    assert f"error[{code}]" in expected.read_text(encoding="utf-8")


TABLE_CODES = {
    code
    for code in documented()
    if code.split("-")[0] in {"form", "row", "condition", "lookup", "field", "drop", "ownership", "inherit", "rules"}
}


@pytest.mark.parametrize("code", sorted(TABLE_CODES))
def test_every_code_of_a_table_has_a_bad_table(code: str) -> None:
    assert any(f"error[{code}]" in file.read_text(encoding="utf-8") for file in BAD.glob("*/expected.txt"))
    assert any(code == shown for shown, _, _ in examples())

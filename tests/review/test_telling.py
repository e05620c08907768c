"""A review as people and programs get it: text, a comment, a page, data; and nothing from files can break out of it."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from syrupy.assertion import SnapshotAssertion

from engine.errors import Position
from engine.review.building import build_side
from engine.review.causes import Cause
from engine.review.contracts import ContractChange
from engine.review.data import report_json
from engine.review.markdown import MARK, markdown
from engine.review.ownership import OwnershipChange
from engine.review.page import page
from engine.review.report import Change, Group, Line, Report
from engine.review.sides import Side
from engine.review.text import text_lines
from engine.values import ABSENT
from tests.review.sides import EASEL, edited, lay_out, reviewed
from tests.snapshot_files import same_as_file, unused

pytestmark = pytest.mark.filterwarnings(r"ignore:\s*Can not relate snapshot")

EVIL = "</code></pre><script>alert(1)</script> `code` ``more`` | @everyone </details> <!-- [x](javascript:1) \x1b[31m"
NAMES = ["review/easel.html", "review/easel.json", "review/easel.md", "review/easel.txt"]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A review that has a bit of everything: ownership, a contract, three causes, new and lost payloads, a refusal."""
    folder = tmp_path_factory.mktemp("telling")
    old, new = lay_out(folder / "old"), lay_out(folder / "new")
    edited(
        new,
        (EASEL, "words/no: negative_prompt", 'words/no: {from: negative_prompt, replace: {"": none}}'),
        (EASEL, "  frame:\n    frame:", "  frame:\n    wood: frame_colour\n    frame:"),
        ("mappings/request.yaml", "default: 12", "default: 13"),
        ("schemas/easel/paint.json", '"how_many":', '"wood": {"enum": ["oak", "walnut"]},\n    "how_many":'),
        ("schemas/fields.json", '"minimum": 1, "maximum": 64', '"minimum": 4, "maximum": 64'),
        ("cases/txt2img/plain.yaml", "a cat", "a dog"),
    )
    (new / "cases/txt2img/more.yaml").write_text("why: Two at once.\nstage: {batch_size: 2}\n", encoding="utf-8")
    (new / "cases/fresco/txt2img/large.yaml").unlink()
    return reviewed(build_side(Side("main", old)), new)


def test_as_text(report: Report, snapshot: SnapshotAssertion) -> None:
    text = "".join(f"{kind:<6}|{line}\n" for kind, line in text_lines(report))
    same_as_file(snapshot, "review/easel.txt", text)


def test_as_a_comment(report: Report, snapshot: SnapshotAssertion) -> None:
    same_as_file(snapshot, "review/easel.md", markdown(report))


def test_as_a_page(report: Report, snapshot: SnapshotAssertion) -> None:
    same_as_file(snapshot, "review/easel.html", page(report))


def test_as_data(report: Report, snapshot: SnapshotAssertion) -> None:
    same_as_file(snapshot, "review/easel.json", json.dumps(report_json(report), indent=2, sort_keys=True) + "\n")


def test_every_snapshot_has_its_test() -> None:
    assert unused("review", NAMES) == []


def evil(changes: int = 1) -> Report:
    """A report whose every text comes from a hostile file."""
    at = Position(EVIL, 1, 1)
    found = tuple(Change(EVIL, f"{EVIL}{n}", (EVIL, str(n)), EVIL, ABSENT) for n in range(changes))
    return Report(
        base=EVIL,
        head=EVIL,
        ownership=(OwnershipChange(EVIL, EVIL),),
        contracts=(ContractChange(EVIL, (EVIL,), "widened", EVIL),),
        groups=tuple(Group(Cause("row", EVIL, at), Line(at, EVIL), None, (change,)) for change in found),
        added=(EVIL,),
        removed=(),
        compared=changes,
        findings=(),
        unread=(),
    )


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.mark.parametrize("which", ["evil", "real"])
def test_a_page_loads_nothing_and_runs_nothing(which: str, report: Report) -> None:
    parser = _Tags()
    parser.feed(page(evil() if which == "evil" else report))
    known = {"html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "p", "code", "section", "ul", "li"}
    known |= {"details", "summary", "div", "pre", "span", "table", "thead", "tbody", "tr", "th", "td", "b", "br"}
    assert {tag for tag, _ in parser.tags} <= known
    for _, attributes in parser.tags:
        assert attributes.keys() <= {"lang", "charset", "http-equiv", "content", "name", "class", "data-is", "open"}
    assert "url(" not in page(report)


def test_a_comment_cannot_be_left(report: Report) -> None:
    text = markdown(evil())
    assert text.startswith(f"{MARK}\n")
    assert text.count("<!--") - text.count("`<!--") >= 1
    outside = re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "", text, flags=re.DOTALL)  # spans and blocks show what they hold
    assert "<script" not in outside
    assert "@everyone" not in outside
    assert outside.count("<details>") == outside.count("</details>")


def test_a_comment_is_bounded_and_says_what_it_leaves_out() -> None:
    text = markdown(evil(500))
    assert len(text) < 65_536
    assert re.search(r"_\d+ more parts do not fit here; `stage-engine review` shows all\._\n$", text)
    assert "### ⚠️ Ownership changed" in text


def test_data_tells_absent_from_null(report: Report) -> None:
    change = report_json(evil())["causes"][0]["changes"][0]  # type: ignore[index]
    assert "new" not in change
    assert change["kind"] == "removed"
    Draft202012Validator({"type": "object"}).validate(report_json(report))


def test_the_same_report_is_told_the_same(report: Report) -> None:
    assert page(report) == page(report)
    assert json.dumps(report_json(report)) == json.dumps(report_json(report))


def test_where_nothing_changed_all_say_so(tmp_path: Path) -> None:
    same = reviewed(lay_out(tmp_path / "old"), lay_out(tmp_path / "new"))
    assert "Nothing changed in 7 payloads." in next(line for _, line in text_lines(same))
    assert "Every payload is what it was." in page(same)
    assert "✅" in markdown(same)

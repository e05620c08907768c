"""docs/tables.md, executed: every table on the page is read, run on each config below it, and held against its payload.

A fenced block says what it is behind its language: `yaml table` (with a name: a parent of the next), `yaml config` (the
fields of a request; `groups on` are the groups that are on), and what comes of it, `json payload` or `text refused`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine.backends.build import place
from engine.backends.catalog import Catalog
from engine.backends.payload_forms import nodes_of
from engine.documents import Document, parse_yaml
from engine.editing.meanings import TESTS
from engine.images import Image
from engine.tables.concrete import ConcreteAlgebra, EvaluationError, Scope, Value
from engine.tables.conversions import CONVERSIONS
from engine.tables.expressions import FORM_WORDS
from engine.tables.forms import Table
from engine.tables.inherit import TABLE_WORDS, TableSource, flatten, read_table
from engine.tables.nodes import Nodes
from engine.tables.walk import Walker
from engine.values import same
from engine.wire import described

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "tables.md").read_text(encoding="utf-8")
CATALOG = Catalog()
RULES = CATALOG.rules
#: `{word: …}` and `word:` at the start of a line or behind a dash: the keys of flow and of block mappings.
_KEYS = re.compile(r"(?:^[ -]*|[{,] ?)\"?([\w.]+)\"?:", re.MULTILINE)


@dataclass(frozen=True)
class Example:
    """One table with one config, and what comes of it."""

    line: int
    texts: tuple[str, ...]
    table: Table
    config: Mapping[str, Any]
    kind: str
    result: str


def examples() -> list[Example]:
    found: list[Example] = []
    parents: dict[str, tuple[str, TableSource]] = {}
    workflows: dict[str, Document] = {}

    def drawn(name: str, graph: str) -> tuple[Document, Nodes]:
        return workflows[name], nodes_of(CATALOG.contracts, graph)

    current: Table | None = None
    texts: tuple[str, ...] = ()
    config: Mapping[str, Any] = {}
    for match in re.finditer(r"^```(\w+) (\w+)(?: (\S+))?\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE):
        line, (_, kind, name, text) = PAGE[: match.start()].count("\n") + 1, match.groups()
        if kind == "workflow":
            workflows[name] = parse_yaml(text, name)
        elif kind == "table":
            document = parse_yaml(text, f"docs/tables.md, the table in line {line}")
            source = read_table(document, name or "here", drawn)
            if name:
                parents[name] = (text, source)
            else:
                current = flatten(source, lambda wanted: parents[wanted][1])
                texts = (text, *(other for name, (other, _) in parents.items() if re.search(rf": {name}\\b", text)))
        elif kind == "config":
            value = parse_yaml(text, "config").value
            assert isinstance(value, dict)
            config = value
        else:
            assert current is not None
            found.append(Example(line, texts, current, config, kind, text))
    return found


EXAMPLES = examples()


def nodes_of_page(example: Example) -> Nodes | None:
    """The nodes that a graph on the page is made of."""
    return None if example.table.graph is None else nodes_of(CATALOG.contracts, example.table.graph)


def built(example: Example) -> Any:
    fields: dict[str, Value] = {name: value for name, value in example.config.items() if name != "groups on"}
    for name in fields:
        assert name in RULES.schemas, f"docs/tables.md:{example.line}: {name} is no field"
    if "input.image" in fields:
        width, height = example.config["input.image"]
        fields["input.image"] = Image.predict(width, height)
    groups = frozenset(example.config.get("groups on", []))
    assert groups <= RULES.groups.keys()
    walker: Walker[Value, Scope] = Walker(ConcreteAlgebra(), example.table.lookups, nodes_of_page(example))
    return described(place(walker.walk(example.table.flow, Scope(fields, groups))))


@pytest.mark.parametrize("example", EXAMPLES, ids=[f"line {example.line}" for example in EXAMPLES])
def test_an_example_gives_what_the_page_says(example: Example) -> None:
    match example.kind:
        case "payload":
            body, wanted = built(example), json.loads(example.result)
            assert same(body, wanted), f"docs/tables.md:{example.line}: {json.dumps(body)}"
            assert list(body) == list(wanted), "keys are in the order of the table"
        case "refused":
            with pytest.raises(EvaluationError) as caught:
                built(example)
            assert example.result.strip() in str(caught.value)
        case kind:
            pytest.fail(f"docs/tables.md:{example.line}: a block cannot be a {kind!r}")


def test_every_word_of_the_language_is_in_an_executed_table() -> None:
    shown = {key for example in EXAMPLES for text in example.texts for key in _KEYS.findall(text)}
    forms = {word for form, beside in FORM_WORDS.items() for word in (form, *beside)}
    with_parameter = {name for name, c in CONVERSIONS.items() if c.parameter != "none"}
    tests = TESTS.keys() - {"present", "absent"}
    assert sorted((forms | TABLE_WORDS | tests | with_parameter) - shown) == []
    text = "\n".join(text for example in EXAMPLES for text in example.texts)
    plain = (CONVERSIONS.keys() - with_parameter) | {"present", "absent", "at_run"}
    assert sorted(word for word in plain if not re.search(rf"\b{word}\b", text)) == []


def test_every_conversion_is_in_the_page_s_table() -> None:
    for name in CONVERSIONS:
        assert re.search(rf"^\| `\{{?{name}\b", PAGE, re.MULTILINE), name

"""schemas/table.json, as an editor uses it: it accepts every good table, refuses what it can of the bad, and tells."""

from __future__ import annotations

import json
import shutil
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from engine.backends.catalog import Catalog
from engine.backends.folders import Folder, builtin_folder
from engine.documents import read_document
from engine.editing.editor_schema import Vocabulary, table_schema
from engine.editing.editor_targets import targets_of
from engine.editing.meanings import BESIDE, FORMS, TABLES
from engine.editing.schema_words import schema_words
from engine.errors import TableError
from engine.reference.generated import stale_files, stale_findings
from engine.tables.conversions import CONVERSIONS
from engine.tables.expressions import FORM_WORDS
from engine.tables.inherit import TABLE_WORDS
from engine.tables.sections import FLOW_WORDS
from tests.tables.cases import BACKEND, BAD, BASE, GOOD, Case, cases

ROOT = Path(__file__).resolve().parents[2]
SCHEMA: dict[str, Any] = json.loads((ROOT / "schemas" / "table.json").read_text(encoding="utf-8"))
RULES = Catalog().rules


def tables_of(folder: Path) -> list[Path]:
    return sorted(file for file in (folder / "mappings").glob("*/*.yaml") if file.name != "backend.yaml")


def said(schema: Any, file: Path) -> list[str]:
    """What the schema complains of in this table."""
    value = read_document(file, name=file.name).value
    return [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
        for error in Draft7Validator(schema).iter_errors(value)
    ]


def schema_of(folder: Path) -> dict[str, Any]:
    """The schema of a folder over the built-in one, with its own contracts."""
    catalog = Catalog(alone=[Folder(folder, ""), builtin_folder()])
    names = catalog.contracts.names(BACKEND)
    return table_schema(Vocabulary(catalog.rules, {name: catalog.contracts.load(name) for name in names}))


@lru_cache(maxsize=1)
def base_schema() -> dict[str, Any]:
    return schema_of(BASE)


def name_of(case: Case) -> str:
    return case.name


def test_it_is_valid_draft_07() -> None:
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"
    Draft7Validator.check_schema(SCHEMA)


def test_every_reference_leads_somewhere() -> None:
    def references(node: Any) -> list[str]:
        if isinstance(node, list):
            return [found for part in node for found in references(part)]
        if not isinstance(node, dict):
            return []
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for part in node.values() for found in references(part)]

    known = {f"#/definitions/{name}" for name in SCHEMA["definitions"]}
    assert set(references(SCHEMA)) <= known


@pytest.mark.parametrize("file", tables_of(ROOT), ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_it_accepts_every_table_of_the_project(file: Path) -> None:
    assert said(SCHEMA, file) == []


@pytest.mark.parametrize("file", tables_of(ROOT), ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_every_table_names_it(file: Path) -> None:
    first = file.read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=../../schemas/table.json"


@pytest.mark.parametrize("case", list(cases(GOOD)), ids=name_of)
def test_it_accepts_every_good_table(case: Case, tmp_path: Path) -> None:
    folder = case.lay_out(tmp_path)
    own = any((case.folder / part).is_dir() for part in ("schemas", "mappings/request.yaml"))
    schema = schema_of(folder) if own else base_schema()
    assert [line for file in tables_of(folder) for line in said(schema, file)] == []


def caught(case: Case, folder: Path) -> bool:
    case.lay_out(folder)
    own = any((case.folder / part).is_dir() for part in ("schemas", "mappings/request.yaml"))
    try:
        schema = schema_of(folder) if own else base_schema()
    except TableError:
        schema = base_schema()  # its rules or contracts are what is wrong with it
    try:
        return (case.folder / "mappings").is_dir() and any(said(schema, file) for file in tables_of(folder))
    except TableError:
        return True  # what is no YAML, the editor refuses before it asks a schema


def test_it_refuses_what_one_file_can_tell_of_the_bad_tables(tmp_path: Path) -> None:
    refused = {case.name for case in cases(BAD) if caught(case, tmp_path / case.name)}
    missed = sorted({case.name for case in cases(BAD)} - refused)
    for name in (
        "drop-unknown-field",
        "form-choice",
        "form-choice-each",
        "form-shape",
        "form-shape-else",
        "form-shape-empty-test",
        "form-target",
        "form-unknown-word",
        "row-unknown-conversion",
        "row-unknown-field",
        "row-unknown-group",
        "row-unknown-target",
        "row-parameter",
        "row-misfit-type",
        "inherit-nothing-there-alone",
        "table-format",
    ):
        assert name in refused, f"{name} is not refused; neither are {missed}"
    assert len(refused) >= 24, missed


def test_a_fault_in_each_field_s_place_is_refused() -> None:
    name = "#/definitions/field"
    schema = {"$ref": name, "definitions": SCHEMA["definitions"]}
    readable = [field for field in RULES.schemas if not RULES.rule(field).input]
    for field in readable:
        assert Draft7Validator(schema).is_valid(field)
        assert not Draft7Validator(schema).is_valid(f"{field}z")
    for field in RULES.schemas.keys() - set(readable):
        assert not Draft7Validator(schema).is_valid(field)


# -- nothing is forgotten -----------------------------------------------------------------------------------------


def form_words() -> set[str]:
    return {word for form, beside in FORM_WORDS.items() for word in (form, "when", *beside)}


def test_every_word_of_the_language_is_in_it() -> None:
    assert SCHEMA["properties"].keys() == TABLE_WORDS
    definitions = SCHEMA["definitions"]
    assert definitions["section"]["properties"].keys() == FLOW_WORDS
    assert definitions["form"]["properties"].keys() == form_words()
    assert definitions["form:each"]["properties"].keys() == form_words()


def test_every_word_has_a_meaning_and_no_meaning_is_left_over() -> None:
    assert FORMS.keys() == FORM_WORDS.keys()
    assert FORMS.keys() | BESIDE.keys() == form_words()
    assert TABLES.keys() == TABLE_WORDS | FLOW_WORDS


def test_every_word_field_conversion_and_target_has_a_hover_text() -> None:
    definitions = SCHEMA["definitions"]
    for word, node in [*SCHEMA["properties"].items(), *definitions["form"]["properties"].items()]:
        assert node["description"], word
        assert "```yaml" in node["markdownDescription"], word
    fields = {part["const"]: part for part in definitions["field"]["anyOf"] if "const" in part}
    assert fields.keys() == {name for name in RULES.schemas if not RULES.rule(name).input}
    for name, node in fields.items():
        assert str(RULES.schemas[name]["description"]) in node["markdownDescription"]
        assert node["description"]
    text = json.dumps(definitions["conversion"])
    for conversion in CONVERSIONS.values():
        assert json.dumps(f"`{conversion.name}` gives {conversion.summary}")[1:-1] in text
    for contract in (name for name in definitions if name.startswith("rows:") and not name.endswith(":each")):
        for target, node in definitions[contract]["properties"].items():
            assert node["description"].startswith(f"{target}: ")


# -- the texts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 150}, "whole number, 1 to 150"),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, "number, more than 0, less than 1"),
        ({"type": "integer", "minimum": 0}, "whole number, at least 0"),
        ({"type": "boolean"}, "true or false"),
        ({"type": "string", "maxLength": 9}, "text, at most 9 characters"),
        ({"enum": ["a", 1, None]}, 'one of "a", 1, null'),
        ({"const": False}, "always false"),
        ({"type": "string", "contentMediaType": "image/*"}, "picture"),
        ({"type": "array", "maxItems": 4, "items": {"type": "string"}}, "list of (text), at most 4 items"),
        ({"type": ["string", "null"]}, "text or null"),
        ({}, "anything"),
    ],
)
def test_a_schema_in_words(schema: dict[str, Any], words: str) -> None:
    assert schema_words(schema) == words


def test_targets_of_a_contract() -> None:
    schema = {
        "type": "object",
        "properties": {
            "size": {"type": "object", "properties": {"a/b": {"type": "integer"}}, "additionalProperties": False},
            "names": {"type": "array", "items": {"type": "string"}},
            "raw": {"type": "object"},
        },
        "additionalProperties": False,
    }
    assert list(targets_of(schema)) == ["size", "size/a~1b", "names", "names/-", "raw", "raw/*"]


# -- kept fresh ---------------------------------------------------------------------------------------------------


def test_a_stale_file_is_a_finding_and_a_folder_of_one_s_own_keeps_its_schema_only_where_it_has_one(
    tmp_path: Path,
) -> None:
    folder = shutil.copytree(ROOT / "tests" / "own_backend", tmp_path / "own")
    catalog = Catalog([folder])
    assert stale_findings(catalog) == []
    file = folder / "schemas" / "table.json"
    file.write_text("{}", encoding="utf-8")
    (finding,) = stale_findings(catalog)
    assert finding.code == "contract-stale"
    assert "table.json is not what the table language" in finding.message
    (made,) = stale_files(catalog)
    assert made.file == file
    file.write_text(made.text, encoding="utf-8")
    assert stale_findings(Catalog([folder])) == []
    schema = json.loads(made.text)
    assert "frame_colour" in json.dumps(schema["definitions"]["field"])
    for table in tables_of(folder):
        assert said(schema, table) == []
    assert "frame_colour" not in json.dumps(SCHEMA), "what a folder adds stands in its own schema alone"

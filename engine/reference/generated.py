"""Files that are made from the rules, contracts and tables, and never by hand: what each should hold.

They are committed, so that people and editors can read them; `check` says when one is stale, and writes it anew if
asked. This module makes texts and compares them; it writes nothing and proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.backends.catalog import Catalog
from engine.backends.folders import Folder
from engine.editing.editor_configs import case_schema, plan_schema, schema_text
from engine.editing.editor_schema import Vocabulary, table_schema_text
from engine.errors import Finding, Position, TableError
from engine.reference.backend_reference import backend_reference_text
from engine.reference.field_reference import field_reference_text
from engine.rules.request_contracts import request_contract_text
from engine.tables.contracts import Contract
from engine.tables.table_source import TableSource

__all__ = ["STALE", "GeneratedFile", "editor_schemas", "stale_files", "stale_findings", "vocabulary"]


#: The code of a finding that a generated file is not what it should be.
STALE: Final = "contract-stale"


@dataclass(frozen=True, slots=True)
class GeneratedFile:
    """One file: where it lies, its name for people, its right text, and what that is made from."""

    file: Path
    name: str
    text: str
    made_from: str


def stale_files(catalog: Catalog) -> Iterator[GeneratedFile]:
    """Generated files that are not what they should be: what each folder gives over the built-in one.

    What other folders add stands in none of them. Raises TableError where what they are made from is wrong itself.
    """
    builtin = catalog.folders[-1]
    for folder in catalog.folders:
        own = [builtin] if folder is builtin else [folder, builtin]
        alone = catalog if len(own) == len(catalog.folders) else Catalog(alone=own)
        for made in _generated(folder, alone):
            if not made.file.is_file() or made.file.read_text(encoding="utf-8") != made.text:
                yield made


def stale_findings(catalog: Catalog) -> list[Finding]:
    """A finding for every generated file that is stale; none where what they are made from is wrong itself."""
    hint = "run 'stage-engine check --write'"
    try:
        return [
            Finding("contract-stale", f"{made.name} is not what {made.made_from} give", Position(made.name, 1, 1), hint)
            for made in stale_files(catalog)
        ]
    except TableError:
        return []  # the proof has said it


def editor_schemas(catalog: Catalog) -> Iterator[tuple[str, Callable[[], str], str]]:
    """The schemas for editors: each file's name under schemas/, what makes its text, and what that is made from."""
    rules, made_from = catalog.rules, "schemas/fields.json and mappings/request.yaml"
    table = "the table language, the fields, contracts and tables"
    yield "table.json", lambda: table_schema_text(vocabulary(catalog)), table
    yield "plan_file.json", lambda: schema_text(plan_schema(rules, catalog.contracts.load("plan").schema)), made_from
    yield "case.json", lambda: schema_text(case_schema(rules)), made_from


def vocabulary(catalog: Catalog) -> Vocabulary:
    """All that a table may name. Raises TableError where a part of it cannot be read."""
    prefixes = {file.name for folder in catalog.folders for file in folder.schemas.glob("*") if file.is_dir()}
    contracts = [name for prefix in sorted(prefixes - {"request"}) for name in catalog.contracts.names(prefix)]
    tables = _tables(catalog)
    lookups = {name for table in tables.values() for name in table.lookups if " " not in name}  # less those inline
    return Vocabulary(catalog.rules, _contracts(catalog, contracts), [*tables], sorted(lookups))


def _generated(folder: Folder, catalog: Catalog) -> Iterator[GeneratedFile]:
    """The files that a folder should hold. One of someone's own has those alone that it has begun to keep."""
    builtin = folder is catalog.folders[-1]
    rules = catalog.rules
    for name, stage in rules.stages.items() if builtin else ():
        file = folder.schemas / "request" / f"{name}.json"
        made_from = "schemas/fields.json and mappings/request.yaml"
        yield GeneratedFile(file, folder.name_of(file), request_contract_text(rules, stage), made_from)
    for name, text, made_from in editor_schemas(catalog):
        file = folder.schemas / name
        if builtin or file.is_file():
            yield GeneratedFile(file, folder.name_of(file), text(), made_from)
    docs = folder.path / "docs"
    if builtin and docs.is_dir():  # a wheel holds no documentation
        made_from = "schemas/fields.json, mappings/request.yaml and the tables"
        pages = (("fields.md", field_reference_text), ("backends.md", backend_reference_text))
        for name, text_of in pages:
            yield GeneratedFile(docs / name, folder.name_of(docs / name), text_of(catalog), made_from)


def _contracts(catalog: Catalog, names: list[str]) -> Mapping[str, Contract]:
    found: dict[str, Contract] = {}
    for name in names:
        try:
            found[name] = catalog.contracts.load(name)
        except TableError:
            continue  # a description of another kind lies beside the contracts; a contract that is wrong was told of
    return found


def _tables(catalog: Catalog) -> dict[str, TableSource]:
    """Every table of every back end as written, by name."""
    names = {
        f"{file.parent.name}/{file.stem}"
        for folder in catalog.folders
        for file in folder.mappings.glob("*/*.yaml")
        if (folder.mappings / file.parent.name / "backend.yaml").is_file() and file.stem != "backend"
    }
    found = {name: catalog.source(name) for name in sorted(names)}
    return {name: source for name, source in found.items() if source is not None}

"""Contracts: JSON Schemas that say what a payload, a request or a plan may be.

A contract is a file under `schemas/`. Its `$ref`s lead to other local files only and are followed when it is
loaded, so that what is left is one closed schema that a proof can read and a validator can run. Contracts keep to
keywords that a proof can decide; any other is refused. This module knows JSON Schema and nothing about tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

from engine.documents import Document, read_document
from engine.errors import Finding, Position, TableError, did_you_mean
from engine.tables.validation import Problem, problems_of, validator
from engine.values import Json, is_number, kind_of

__all__ = ["ANNOTATIONS", "Contract", "ContractLibrary", "Definition", "with_needed"]

#: The steps from a document's root to a part of it.
Steps: TypeAlias = tuple[str | int, ...]

_TYPES = frozenset({"string", "integer", "number", "boolean", "array", "object", "null"})


def _is_names(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _is_size(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_pattern(value: Json) -> bool:
    try:
        return isinstance(value, str) and bool(re.compile(value))
    except re.error:
        return False


def _is_schema(value: Json) -> bool:
    return isinstance(value, (bool, dict))


# Each keyword that asks something of a value, and what may stand behind it.
_ASSERTIONS: dict[str, Callable[[Json], bool]] = {
    "type": lambda v: v in _TYPES if isinstance(v, str) else v != [] and _is_names(v) and _TYPES.issuperset(v),  # type: ignore[arg-type]
    "enum": lambda v: isinstance(v, list) and v != [],
    "const": lambda _: True,
    "minimum": is_number,
    "maximum": is_number,
    "exclusiveMinimum": is_number,
    "exclusiveMaximum": is_number,
    "multipleOf": lambda v: _is_size(v) and v != 0,  # a fraction of two fractions is nothing to prove with
    "minLength": _is_size,
    "maxLength": _is_size,
    "pattern": _is_pattern,
    "items": _is_schema,
    "prefixItems": lambda v: isinstance(v, list) and v != [],
    "minItems": _is_size,
    "maxItems": _is_size,
    "properties": lambda v: isinstance(v, dict),
    "required": _is_names,
    "additionalProperties": _is_schema,
    "dependentRequired": lambda v: isinstance(v, dict) and all(map(_is_names, v.values())),
    "propertyNames": _is_schema,
}
#: Keywords that say something about a value and ask nothing of it.
ANNOTATIONS = frozenset(
    {"$schema", "$comment", "$defs", "title", "description", "examples", "contentEncoding", "contentMediaType"}
)
_MAX_NODES = 20_000
_MAX_REFS = 12


@dataclass(frozen=True, slots=True)
class Definition:
    """One schema under `$defs`, with what its `$ref`s led to, and where it is written."""

    schema: Mapping[str, Json]
    at: Position


@dataclass(frozen=True)
class Contract:
    """One closed schema. `name` is its file under schemas/ without the suffix: `a1111/txt2img`."""

    name: str
    schema: Mapping[str, Json]
    at: Position

    def problems(self, data: object, *, encoded_images: bool = False) -> list[Problem]:
        """Every way in which this data breaks the contract, in order of place.

        Images are handles (`engine.images.Image`); with `encoded_images` they are base64 text, as on the wire.
        """
        return problems_of(self._text_validator if encoded_images else self._handle_validator, data)

    @cached_property
    def _handle_validator(self) -> Any:
        return validator(self.schema, handles=True)

    @cached_property
    def _text_validator(self) -> Any:
        return validator(self.schema, handles=False)


class ContractLibrary:
    """Finds contracts by name in a list of `schemas` folders, the first that holds one winning."""

    def __init__(self, folders: Sequence[tuple[Path, str]]) -> None:
        """Take folders with the names under which their files are shown to people."""
        self._folders = tuple(folders)
        self._documents: dict[Path, Document] = {}
        self._contracts: dict[str, Contract] = {}

    def names(self, prefix: str) -> list[str]:
        """The contracts in one folder under schemas/ (`a1111`), by name; what says a format is of another kind."""
        found = ((file, folder) for folder in self._folders for file in (folder[0] / prefix).glob("*.json"))
        schemas = (f for f, folder in found if "format" not in _as_mapping(self._document(f, folder).value))
        return sorted({f"{prefix}/{file.stem}" for file in schemas if not file.stem.startswith("_")})

    def has(self, name: str) -> bool:
        """Whether there is a contract of this name."""
        return self._file(name) is not None

    def load(self, name: str, wanted_by: Position | None = None) -> Contract:
        """The contract of this name. Raises TableError with all findings where it is missing or not one."""
        if name not in self._contracts:
            found = self._file(name)
            if found is None:
                message = f"there is no contract schemas/{name}.json"
                raise TableError([Finding("contract-missing", message, at=wanted_by)])
            file, folder = found
            document = self._document(file, folder)
            schema = self._expanded(document, document.value, (), file, folder)
            if not isinstance(schema, dict) or schema.get("type") != "object":
                message = "a contract describes a mapping: it must say 'type: object'"
                raise TableError([Finding("contract-keyword", message, at=document.at())])
            self._contracts[name] = Contract(name, schema, document.at())
        return self._contracts[name]

    def document(self, name: str) -> Document | None:
        """The file of this name, of whatever kind it is. None where there is none."""
        found = self._file(name)
        return None if found is None else self._document(*found)

    def definitions(self, name: str) -> dict[str, Definition]:
        """The `$defs` of every folder's file of this name, expanded; the last folder's come first.

        Raises TableError with all findings, among them a definition that an earlier folder repeats.
        """
        merged: dict[str, Definition] = {}
        findings: list[Finding] = []
        for folder, shown in reversed(self._folders):
            file = folder / f"{name}.json"
            if not file.is_file():
                continue
            document = self._document(file, (folder, shown))
            for key, node in _as_mapping(_as_mapping(document.value).get("$defs")).items():
                at = document.key_at("$defs", key)
                if key in merged:
                    message = f"{key!r} is declared already, at {merged[key].at}: a folder adds, it does not change"
                    findings.append(Finding("rules-collision", message, at=at))
                    continue
                try:
                    schema = self._expanded(document, node, ("$defs", key), file, (folder, shown))
                except TableError as problem:
                    findings += problem.findings
                else:
                    merged[key] = Definition(_as_mapping(schema), at)
        if findings:
            raise TableError(findings)
        return merged

    def _file(self, name: str) -> tuple[Path, tuple[Path, str]] | None:
        if not _is_plain(name):
            return None
        return next(
            ((file, (folder, shown)) for folder, shown in self._folders if (file := folder / f"{name}.json").is_file()),
            None,
        )

    def _document(self, file: Path, folder: tuple[Path, str]) -> Document:
        if file not in self._documents:
            root, shown = folder
            name = str(PurePosixPath(shown, *file.relative_to(root).parts))
            self._documents[file] = read_document(file, name=name)
        return self._documents[file]

    def _expanded(self, document: Document, node: Json, path: Steps, file: Path, folder: tuple[Path, str]) -> Json:
        """The node with every `$ref` replaced by what it leads to. Raises TableError with all findings."""
        findings: list[Finding] = []
        left = _MAX_NODES

        def expand(document: Document, node: Json, path: Steps, file: Path, followed: tuple[Position, ...]) -> Json:
            nonlocal left
            left -= 1
            if left < 0:
                return {}
            if isinstance(node, list):
                return [expand(document, part, (*path, i), file, followed) for i, part in enumerate(node)]
            if not isinstance(node, dict):
                return node
            if "$ref" not in node:
                parts = ((key, part) for key, part in node.items() if key != "$defs")
                return {key: expand(document, part, (*path, key), file, followed) for key, part in parts}
            at = document.at(*path, "$ref")
            target = self._follow(node["$ref"], document, file, folder)
            if target is None:
                hint = "write '#/$defs/name' or 'file.json#/$defs/name'; files lie under the same schemas folder"
                message = f"the $ref {node['$ref']!r} leads nowhere"
                findings.append(Finding("contract-ref", message, at=at, hint=hint))
                return {}
            if at in followed or len(followed) == _MAX_REFS:
                why = "leads to itself" if at in followed else f"is the end of more than {_MAX_REFS} in a row"
                findings.append(Finding("contract-ref", f"the $ref {node['$ref']!r} {why}", at=at))
                return {}
            other, place, found, where = target
            expanded = expand(other, found, place, where, (*followed, at))
            return {**_as_mapping(expanded), **{key: value for key, value in node.items() if key != "$ref"}}

        schema = expand(document, node, path, file, ())
        if left < 0:
            message = f"with its $refs followed, the contract has more than {_MAX_NODES} parts"
            findings.append(Finding("contract-ref", message, at=document.at(*path)))
        findings = list(dict.fromkeys(findings))
        if not findings:
            findings += _keyword_findings(schema, document, path)
        if findings:
            raise TableError(findings)
        return schema

    def _follow(
        self, reference: Json, document: Document, file: Path, folder: tuple[Path, str]
    ) -> tuple[Document, tuple[str, ...], Json, Path] | None:
        if not isinstance(reference, str):
            return None
        name, _, pointer = reference.partition("#")
        where = file if not name else (file.parent / name).resolve()
        if name and (not where.is_relative_to(folder[0].resolve()) or not where.is_file()):
            return None
        other = document if not name else self._document(where, (folder[0].resolve(), folder[1]))
        steps = tuple(s.replace("~1", "/").replace("~0", "~") for s in pointer.split("/")[1:])
        node: Json = other.value
        for step in steps:
            if not isinstance(node, dict) or step not in node:
                return None
            node = node[step]
        return other, steps, node, where


def with_needed(schema: Mapping[str, Json], members: Sequence[str], *, needed: bool = True) -> dict[str, Json]:
    """A list's schema whose items must hold these members too; with `needed` false, need not hold them."""
    items = _as_mapping(schema.get("items"))
    required = items.get("required")
    names = [name for name in (required if isinstance(required, list) else []) if name not in members]
    return {**schema, "items": {**items, "required": [*names, *(members if needed else ())]}}


def _is_plain(name: str) -> bool:
    return all(part not in ("", ".", "..") and "\\" not in part and ":" not in part for part in name.split("/"))


def _as_mapping(node: Json) -> dict[str, Json]:
    return node if isinstance(node, dict) else {}


def _keyword_findings(node: Json, document: Document, path: Steps = ()) -> Iterator[Finding]:
    """A finding for every keyword that a proof cannot decide, wherever it stands in the schema."""
    if isinstance(node, bool):
        return
    if not isinstance(node, dict):
        yield Finding("contract-keyword", f"a schema is a mapping, not {kind_of(node)}", at=document.at(*path))
        return
    for word, value in node.items():
        place = (*path, word)
        if word not in _ASSERTIONS.keys() | ANNOTATIONS:
            known = did_you_mean(word, _ASSERTIONS) or "contracts keep to keywords that a proof can decide"
            yield Finding("contract-keyword", f"a contract has no {word!r}", at=document.key_at(*place), hint=known)
        elif word in _ASSERTIONS and not _ASSERTIONS[word](value):
            yield Finding("contract-keyword", f"{word!r} cannot be this", at=document.at(*place))
        elif word == "properties" and isinstance(value, dict):
            for name, part in value.items():
                yield from _keyword_findings(part, document, (*place, name))
        elif word == "prefixItems" and isinstance(value, list):
            for index, part in enumerate(value):
                yield from _keyword_findings(part, document, (*place, index))
        elif word in ("items", "additionalProperties", "propertyNames"):
            yield from _keyword_findings(value, document, place)

"""Contracts: JSON Schemas that say what a payload, a request or a plan may be.

A contract is a file under `schemas/`. Its `$ref`s lead to other local files only and are followed when it is
loaded, so that what is left is one closed schema that a proof can read and a validator can run. Contracts keep to
keywords that a proof can decide; any other is refused. This module knows JSON Schema and nothing about tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from engine.documents import Document, read_document
from engine.errors import Finding, Position, TableError, did_you_mean
from engine.tables.validation import Problem, problems_of, validator
from engine.values import Json, kind_of

__all__ = ["Contract", "ContractLibrary"]

_ASSERTIONS = frozenset(
    {"type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
    | {"minLength", "maxLength", "pattern", "items", "prefixItems", "minItems", "maxItems"}
    | {"properties", "required", "additionalProperties", "dependentRequired", "propertyNames"}
)
_ANNOTATIONS = frozenset(
    {"$schema", "$comment", "$defs", "title", "description", "examples", "contentEncoding", "contentMediaType"}
)
_MAX_DEPTH = 24


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
        """The contracts in one folder under schemas/ (`a1111`), by name."""
        found = {
            f"{prefix}/{file.stem}"
            for folder, _ in self._folders
            for file in (folder / prefix).glob("*.json")
            if not file.stem.startswith("_")
        }
        return sorted(found)

    def has(self, name: str) -> bool:
        """Whether there is a contract of this name."""
        return self._file(name) is not None

    def load(self, name: str) -> Contract:
        """The contract of this name. Raises TableError with all findings where it is missing or not one."""
        if name not in self._contracts:
            found = self._file(name)
            if found is None:
                raise TableError([Finding("contract-missing", f"there is no contract schemas/{name}.json")])
            file, folder = found
            document = self._document(file, folder)
            findings: list[Finding] = []
            schema = self._expand(document, document.value, (), file, folder, findings, _MAX_DEPTH)
            findings += _keyword_findings(schema, document)
            if findings:
                raise TableError(findings)
            self._contracts[name] = Contract(name, _as_mapping(schema), document.at())
        return self._contracts[name]

    def definitions(self, name: str) -> dict[str, Mapping[str, Json]]:
        """The `$defs` of every file of this name, expanded. The first folder that defines one wins."""
        merged: dict[str, Mapping[str, Json]] = {}
        for folder, shown in self._folders:
            file = folder / f"{name}.json"
            if file.is_file():
                document = self._document(file, (folder, shown))
                findings: list[Finding] = []
                definitions = _as_mapping(_as_mapping(document.value).get("$defs"))
                for key, node in definitions.items():
                    place = ("$defs", key)
                    schema = self._expand(document, node, place, file, (folder, shown), findings, _MAX_DEPTH)
                    findings += _keyword_findings(schema, document, place)
                    merged.setdefault(key, _as_mapping(schema))
                if findings:
                    raise TableError(findings)
        return merged

    def position(self, name: str, *path: str) -> Position | None:
        """Where something stands in the first file of this name."""
        found = self._file(name)
        return None if found is None else self._document(*found).key_at(*path)

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

    def _expand(
        self,
        document: Document,
        node: Json,
        path: tuple[str | int, ...],
        file: Path,
        folder: tuple[Path, str],
        findings: list[Finding],
        depth: int,
    ) -> Json:
        """The node with every `$ref` in it replaced by what it leads to."""
        if depth == 0:
            message = "the contract refers to itself, or is nested too deeply"
            findings.append(Finding("contract-ref", message, at=document.at(*path)))
            return {}
        if isinstance(node, list):
            parts = enumerate(node)
            return [self._expand(document, part, (*path, i), file, folder, findings, depth - 1) for i, part in parts]
        if not isinstance(node, dict):
            return node
        if "$ref" not in node:
            return {
                key: self._expand(document, part, (*path, key), file, folder, findings, depth - 1)
                for key, part in node.items()
                if key != "$defs"
            }
        target = self._follow(node["$ref"], document, file, folder)
        if target is None:
            at = document.at(*path, "$ref")
            hint = "write '#/$defs/name' or 'file.json#/$defs/name'; files lie under the same schemas folder"
            findings.append(Finding("contract-ref", f"the $ref {node['$ref']!r} leads nowhere", at=at, hint=hint))
            return {}
        other, place, found, where = target
        expanded = self._expand(other, found, place, where, folder, findings, depth - 1)
        beside = {key: value for key, value in node.items() if key != "$ref"}
        return {**_as_mapping(expanded), **beside}

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


def _is_plain(name: str) -> bool:
    return all(part not in ("", ".", "..") and "\\" not in part and ":" not in part for part in name.split("/"))


def _as_mapping(node: Json) -> dict[str, Json]:
    return node if isinstance(node, dict) else {}


def _keyword_findings(node: Json, document: Document, path: tuple[str, ...] = ()) -> Iterator[Finding]:
    """A finding for every keyword that a proof cannot decide, wherever it stands in the schema."""
    if not isinstance(node, dict):
        if not isinstance(node, bool):
            yield Finding("contract-keyword", f"a schema is a mapping, not {kind_of(node)}", at=document.at(*path))
        return
    for word, value in node.items():
        place = (*path, word)
        if word in ("properties", "dependentRequired"):
            if word == "properties":
                for name, part in _as_mapping(value).items():
                    yield from _keyword_findings(part, document, (*place, name))
        elif word in ("items", "additionalProperties"):
            yield from _keyword_findings(value, document, place)
        elif word == "prefixItems" and isinstance(value, list):
            for part in value:
                yield from _keyword_findings(part, document, place)
        elif word not in _ASSERTIONS | _ANNOTATIONS:
            known = did_you_mean(word, _ASSERTIONS) or "contracts keep to keywords that a proof can decide"
            yield Finding("contract-keyword", f"a contract has no {word!r}", at=document.at(*place), hint=known)

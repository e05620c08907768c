"""Names of a person's own: one for a checkpoint, VAE, upscaler, detector or LoRA, and what each server calls it.

A names file says it for back ends by their names, and for single servers by their addresses, which count first. The
names in a request become the server's before anything is built. Which fields hold names, request.yaml says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.backends.catalog import Backend, Catalog
from engine.documents import Document, read_document
from engine.errors import Finding, Position, TableError, did_you_mean
from engine.proofs.kinds import KINDS
from engine.request import GenerateImagesRequest
from engine.tables.concrete import Value
from engine.values import Json

__all__ = ["Names", "load_names", "renamed"]


@dataclass(frozen=True, slots=True)
class Names:
    """What servers call things: by kind and name, what each back end or address has for it. `file`: for messages."""

    file: str = ""
    entries: Mapping[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    places: Mapping[tuple[str, str], Position] = field(default_factory=dict)

    def called(self, kind: str, name: str, backend: str, url: str) -> str | None:
        """What this server calls a thing; None where nothing is known of that."""
        here = self.entries.get((kind, name), {})
        by_url = {key.rstrip("/"): value for key, value in here.items() if "://" in key}
        return by_url.get(url.rstrip("/"), here.get(backend)) if url else here.get(backend)


def load_names(path: Path, catalog: Catalog) -> Names:
    """The names in this file. Raises TableError with all findings: its shape, and back ends that there are not."""
    document = read_document(path)
    problems = catalog.contracts.load("names").problems(document.value)
    if problems:
        raise TableError(
            Finding("names-shape", f"{_place(p.path)} {p.message}", _at(document, p.path), p.hint) for p in problems
        )
    findings: list[Finding] = []
    entries: dict[tuple[str, str], Mapping[str, str]] = {}
    places: dict[tuple[str, str], Position] = {}
    known = catalog.names()
    ways = f"there are: {', '.join(known)}; an address begins with http://"
    for kind in KINDS:
        for name, servers in _mapping(_mapping(document.value).get(kind)).items():
            entries[kind, name] = {server: str(value) for server, value in _mapping(servers).items()}
            places[kind, name] = document.key_at(kind, name)
            for server in entries[kind, name]:
                if server not in known and "://" not in server:
                    hint, at = did_you_mean(server, known) or ways, document.key_at(kind, name, server)
                    findings.append(Finding("names-unknown-backend", f"there is no back end {server!r}", at, hint))
    if findings:
        raise TableError(findings)
    return Names(path.name, entries, places)


def renamed(
    names: Names, backend: Backend, url: str, request: GenerateImagesRequest
) -> tuple[GenerateImagesRequest, tuple[Finding, ...]]:
    """The request with this server's names, and a warning for each name that it has no word for."""
    warnings: dict[Finding, None] = {}

    def ours(kind: str | None, value: Value, place: str) -> Value:
        if kind is None or not isinstance(value, str) or (kind, value) not in names.entries:
            return value
        called = names.called(kind, value, backend.name, url)
        if called is None:
            message = f"{names.file} knows the {KINDS[kind]} {value!r}, and not what {backend.name} calls it"
            origin = request.origins.get(place)
            at = names.places[kind, value] if origin is None or origin.at is None else origin.at
            finding = Finding("names-no-entry", message, at, severity="warning", field=place)
            warnings[replace(finding, stage=request.stage_id, backend=backend.name)] = None
        return value if called is None else called

    fields = dict(request.fields)
    for name, value in request.fields.items():
        rule = backend.rules.rule(name)
        fields[name] = ours(rule.names, value, name)
        if rule.items and isinstance(value, list):
            kinds = {member: inner.names for member, inner in rule.items.items()}
            items: list[Value] = []
            for item in value:
                inside = item if isinstance(item, dict) else {}
                items.append({key: ours(kinds.get(key), part, name) for key, part in inside.items()} or item)
            fields[name] = items
    return replace(request, fields=fields), tuple(warnings)


def _mapping(node: Json) -> Mapping[str, Json]:
    return node if isinstance(node, dict) else {}


def _place(path: tuple[str, ...]) -> str:
    return ".".join(path) if path else "the file"


def _at(document: Document, path: tuple[str, ...]) -> Position:
    """Where a path stands, or the nearest place above it."""
    steps = next(steps for steps in _shorter(path) if _is_there(document.value, steps))
    return document.key_at(*steps) if steps else document.at()


def _shorter(path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield from (path[:length] for length in range(len(path), -1, -1))


def _is_there(node: Json, path: tuple[str, ...]) -> bool:
    for step in path:
        if not isinstance(node, dict) or step not in node:
            return False
        node = node[step]
    return True

"""Reading a document's shapes, with every fault noted where it stands.

This module knows mappings, lists, text and flags, and that reading goes on after a fault so that all findings come
at once. It knows no word of the table language.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from engine.documents import Document
from engine.errors import Finding, Position, did_you_mean
from engine.values import Json, kind_of, same

__all__ = ["Path", "ShapeReader"]

#: Where in a document something stands: the keys and indexes that lead to it.
Path: TypeAlias = tuple[str | int, ...]


@dataclass(slots=True)
class ShapeReader:
    """Reads one document, collecting findings."""

    document: Document
    findings: list[Finding] = field(default_factory=list)

    def fault(self, code: str, message: str, at: Position, hint: str | None = None) -> None:
        """Note one finding."""
        self.findings.append(Finding(code, message, at=at, hint=hint))

    def mapping(self, path: Path, node: Json, what: str) -> dict[str, Json]:
        """The node as a mapping; a finding and nothing where it is another thing. Null is an empty mapping."""
        if isinstance(node, dict):
            return node
        if node is not None:
            self.fault("form-shape", f"{what} must be a mapping, not {kind_of(node)}", self.document.at(*path))
        return {}

    def items(self, path: Path, node: Json, what: str) -> list[Json]:
        """The node as a list; a finding and nothing where it is another thing."""
        if isinstance(node, list):
            return node
        self.fault("form-shape", f"{what} must be a list, not {kind_of(node)}", self.document.at(*path))
        return []

    def text(self, path: Path, node: Json, what: str) -> str:
        """The node as non-blank text; a finding and "" where it is another thing."""
        if isinstance(node, str) and node.strip():
            return node
        shown = "blank" if isinstance(node, str) else kind_of(node)
        self.fault("form-shape", f"{what} must be text, not {shown}", self.document.at(*path))
        return ""

    def flag(self, path: Path, node: Json, what: str) -> bool:
        """The node as a boolean; a finding and False where it is another thing."""
        if isinstance(node, bool):
            return node
        self.fault("form-shape", f"{what} must be true or false, not {kind_of(node)}", self.document.at(*path))
        return False

    def format(self, top: Mapping[str, Json], what: str) -> None:
        """A finding where the document does not say that it is written in format 1."""
        if not same(top.get("format"), 1):
            self.fault("table-format", f"{what} must say 'format: 1'", self.document.at("format"))

    def known(self, path: Path, node: Mapping[str, Json], words: Collection[str], what: str) -> None:
        """A finding for every key that is not one of these words."""
        for key in node:
            if key not in words:
                hint = did_you_mean(key, words) or f"{what} knows: {', '.join(sorted(words))}"
                self.fault("form-unknown-word", f"{what} has no {key!r}", self.document.key_at(*path, key), hint)

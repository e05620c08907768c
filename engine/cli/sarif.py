"""Findings as SARIF 2.1.0, which code hosts and editors read as marks beside the lines.

This module knows the format and how a shown file name becomes a URI; it decides nothing about findings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from urllib.parse import quote

from engine import __version__
from engine.backends.folders import builtin_folder
from engine.errors import Finding, Position

__all__ = ["sarif"]

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(findings: Iterable[Finding], folder: Path) -> dict[str, object]:
    """One run with these findings. `folder`: what files are named from, as far as they lie below it."""
    found = list(findings)
    codes = list(dict.fromkeys(finding.code for finding in found))
    rules = [_rule(code) for code in codes]
    driver = {"name": "stage-engine", "version": __version__, "semanticVersion": __version__, "rules": rules}
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [_result(finding, codes.index(finding.code), folder) for finding in found],
            }
        ],
    }


def _rule(code: str) -> dict[str, object]:
    """What a finding of this code means and how it is mended, where the page on findings is at hand."""
    told = _page().get(code)
    if told is None:
        return {"id": code}
    plain = told.replace("**", "").replace("`", "")
    first = plain.split("\n\n")[0].replace("\n", " ")
    return {"id": code, "shortDescription": {"text": first}, "help": {"text": plain, "markdown": told}}


def _result(finding: Finding, rule: int, folder: Path) -> dict[str, object]:
    text = finding.message if finding.hint is None else f"{finding.message}\nhint: {finding.hint}"
    result: dict[str, object] = {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": finding.severity,
        "message": {"text": text},
    }
    if finding.at is not None:
        result["locations"] = [{"physicalLocation": _location(finding.at, folder)}]
    if finding.origin is not None:
        inherited = {"physicalLocation": _location(finding.origin, folder), "message": {"text": "inherited here"}}
        result["relatedLocations"] = [inherited]
    about = {name: getattr(finding, name) for name in ("backend", "stage", "field")}
    known = {name: value for name, value in about.items() if value is not None}
    return {**result, "properties": known} if known else result


def _location(at: Position, folder: Path) -> dict[str, object]:
    return {
        "artifactLocation": {"uri": _uri(at.file, folder)},
        "region": {"startLine": at.line, "startColumn": at.column},
    }


def _uri(name: str, folder: Path) -> str:
    """The file relative to the folder, or in full where it lies elsewhere. Our own tables are named from our own."""
    file = folder / name
    if not file.exists() and (builtin_folder().path / name).exists():
        file = builtin_folder().path / name
    file, root = file.resolve(), folder.resolve()
    return quote(file.relative_to(root).as_posix()) if file.is_relative_to(root) else file.as_uri()


@cache
def _page() -> Mapping[str, str]:
    """Code -> its entry in docs/errors.md, without the tables that it shows. Empty where there is no such page."""
    page = builtin_folder().path / "docs" / "errors.md"
    if not page.is_file():
        return {}
    parts = re.split(r"^### (\S+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    entries = zip(parts[1::2], parts[2::2], strict=True)
    return {code: re.split(r"^(?:<!--|```|#)", text, flags=re.MULTILINE)[0].strip() for code, text in entries}

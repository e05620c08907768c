"""YAML and JSON files that people wrote, read strictly, with the place of every value.

This module knows files, YAML's and JSON's syntax, and how large a file may be; `engine.document_builder` makes of
it values with their places. It knows nothing about tables, fields or plans, and it judges no content.

YAML here is the part of it that cannot surprise. A plain (unquoted) scalar is a boolean if it is `true` or
`false`, null if it is `null`, `~` or empty, and a number exactly where JSON would say so; everything else is
text: `yes`, `on`, `NO`, `0x10`, `007`, `1_000`, `12:30`, `2026-01-01`. Tags and merge keys are refused.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from pathlib import Path
from typing import Final, Protocol

import yaml

from engine.document_builder import MAX_DEPTH, MAX_NODES, Builder, Document
from engine.errors import Finding, Position, TableError
from engine.values import Json

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_NODES",
    "Document",
    "parse_bytes",
    "parse_json",
    "parse_yaml",
    "read_document",
]

#: The longest file, in bytes of UTF-8.
MAX_BYTES: Final = 2 * 1024 * 1024
_READ: Final = MAX_BYTES + 3  # a byte order mark does not count

# libyaml is several times as fast; a wheel of PyYAML may come without it.
_LOADER: type[yaml.SafeLoader] | type[yaml.CSafeLoader] = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader

# What YAML's text may not hold, and the line breaks that only YAML 1.1 knows: it would turn them into blanks.
_NOT_IN_YAML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_BREAK: Final = re.compile(r"\r\n|[\r\n]")
_JSON_TOKEN: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s{}\[\],:"]+')

_HINTS: Final = {
    "cannot start any token": "Indent with spaces; put quotes around text that starts with a special character.",
    "mapping values are not allowed": "Put quotes around text that holds a colon and a blank.",
}


class _Mark(Protocol):
    """What both parsers give as a place, counted from 0."""

    line: int
    column: int


def read_document(path: Path, *, name: str | None = None) -> Document:
    """Read a file that ends in .yaml, .yml or .json. `name` is what people are shown instead of the path.

    Raises TableError with all that is wrong with the file; `document-unreadable` if it cannot be read at all.
    """
    file = path.as_posix() if name is None else name
    suffix = path.suffix.lower()
    if suffix not in (".yaml", ".yml", ".json"):
        raise _error("document-unreadable", f"{file} does not end in .yaml, .yml or .json.")
    try:
        with path.open("rb") as stream:
            data = stream.read(_READ + 1)
    except OSError as error:
        reason = error.strerror if error.strerror is not None else type(error).__name__
        raise _error("document-unreadable", f"{file} cannot be read: {reason}.") from error
    except ValueError as error:
        raise _error("document-unreadable", f"{file!r} is no file name: {error}.") from error
    return parse_bytes(data, file, json=suffix == ".json")


def parse_bytes(data: bytes, file: str, *, json: bool) -> Document:
    """The document in a file's bytes, JSON or YAML. `file` is its name for people. Raises TableError as the others."""
    if len(data) > _READ:
        raise _too_large(file)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        raise _error(
            "document-encoding",
            "The file is not UTF-8 text.",
            at=_Lines(file, before).at(len(before)),
            hint="Save it as UTF-8.",
        ) from error
    return parse_json(text, file) if json else parse_yaml(text, file)


def parse_yaml(text: str, file: str) -> Document:
    """The one YAML document in a text. `file` is its name for people. Raises TableError with all that is wrong."""
    text = _checked_text(text, file)
    if bad := _NOT_IN_YAML.search(text):
        raise _error(
            "document-control-character",
            f"The character U+{ord(bad[0]):04X} cannot stand in a YAML file.",
            at=_Lines(file, text).at(bad.start()),
            hint="Remove it, or write it as an escape in double quotes, if it may stand in text at all.",
        )
    builder = Builder(file)
    documents = 0
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            line, column = _place(event.start_mark)
            if isinstance(event, yaml.ScalarEvent):
                builder.tag(event.tag, line, column)
                plain = not event.style  # None or "" by the parser; quoted scalars are text, whatever they say
                literal = builder.literal(event.value, line, column) if plain else event.value
                builder.scalar(literal, event.value, line, column, anchor=event.anchor, plain=plain)
            elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
                builder.tag(event.tag, line, column)
                into: dict[str, Json] | list[Json] = {} if isinstance(event, yaml.MappingStartEvent) else []
                builder.open(into, line, column, anchor=event.anchor)
            elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                builder.close()
            elif isinstance(event, yaml.AliasEvent):
                builder.alias(str(event.anchor), line, column)
            elif isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    builder.stop("document-syntax", "A second document starts here: one file holds one.", line, column)
    except yaml.MarkedYAMLError as error:
        line, column = _place(error.problem_mark if error.problem_mark is not None else error.context_mark)
        problem = str(error.problem)
        if "maximum nesting depth" in problem:  # libyaml 0.2.6 and later read ahead, and stop before we see the events
            builder.too_deep(line, column)
        context = "" if error.context is None else f" {error.context}"
        builder.stop(
            "document-syntax",
            f"This is no YAML:{context} {problem}.",
            line,
            column,
            hint=next((hint for part, hint in _HINTS.items() if part in problem), None),
        )
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # The pure parser lets chr() and int() speak for themselves: "\UFFFFFFFF", %YAML 1.<5000 digits>.
        builder.stop("document-syntax", f"This is no YAML: {str(error).splitlines()[0]}.", 1, 1)
    return builder.document()


def parse_json(text: str, file: str) -> Document:
    """The JSON value in a text. `file` is its name for people. Raises TableError with all that is wrong."""
    text = _checked_text(text, file)
    lines = _Lines(file, text)
    try:
        # Only for the grammar: the walk below may then trust the text. Numbers are left as text, since int()
        # refuses more than 4300 digits with an error that has no place.
        json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        raise _error("document-syntax", f"This is no JSON: {error.msg}.", at=lines.at(error.pos)) from error
    except RecursionError as error:
        raise _error("document-too-deep", f"{file} nests deeper than {MAX_DEPTH} levels.") from error
    builder = Builder(file)
    for token in _JSON_TOKEN.finditer(text):
        word = token[0]
        line, column = lines.place(token.start())
        if word in ("{", "["):
            builder.open({} if word == "{" else [], line, column)
        elif word in ("}", "]"):
            builder.close()
        elif word[0] == '"':
            literal = json.loads(word) if "\\" in word else word[1:-1]
            builder.scalar(literal, literal, line, column)
        elif word in ("NaN", "Infinity", "-Infinity"):
            builder.refuse_number(word, line, column)
            builder.scalar(None, word, line, column)
        elif word not in (",", ":"):
            builder.scalar(builder.literal(word, line, column), word, line, column)
    return builder.document()


def _place(mark: _Mark | None) -> tuple[int, int]:
    return (1, 1) if mark is None else (mark.line + 1, mark.column + 1)


class _Lines:
    """Which line and column (from 1) an offset in a text is."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._starts = [0, *(found.end() for found in _BREAK.finditer(text))]

    def place(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def at(self, offset: int) -> Position:
        return Position(self._file, *self.place(offset))


def _checked_text(text: str, file: str) -> str:
    """The text without a byte order mark, if it is not too long and can be written as UTF-8."""
    text = text.removeprefix("\ufeff")
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise _error(
            "document-encoding",
            "Half of a character (a surrogate) stands here.",
            at=_Lines(file, text).at(error.start),
        ) from error
    if size > MAX_BYTES:
        raise _too_large(file)
    return text


def _too_large(file: str) -> TableError:
    return _error("document-too-large", f"{file} is longer than {MAX_BYTES // 2**20} MiB.")


def _error(code: str, message: str, *, at: Position | None = None, hint: str | None = None) -> TableError:
    return TableError([Finding(code, message, at=at, hint=hint)])

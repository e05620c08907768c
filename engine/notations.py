"""Notations that servers read in a prompt, and where one stands in a text.

`(a cat:1.2)` weighs words, `BREAK` begins a new chunk, `<lora:name:0.8>` lays a LoRA over the checkpoint: each server
reads some of these and draws the others as words. The set is closed; a back end's description says which of them it
reads. Pure text: this module knows no field and no server.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["NOTATIONS", "LoraTag", "Notation", "lora_tags", "used", "without_lora_tags"]


@dataclass(frozen=True, slots=True)
class Notation:
    """One notation: how it is recognised, and what is lost where it is not read."""

    name: str
    pattern: re.Pattern[str]
    lost: str


#: A backslash before a bracket makes it an ordinary one.
_NOT_ESCAPED = r"(?<!\\)"
_NUMBER = r"\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)\s*"
#: So much of a text is looked at inside one pair of brackets: patterns must end, whatever the prompt.
_INSIDE = r"[^()\[\]<>]{1,400}?"
_LORA = re.compile(r"<lora:([^<>:]{1,1024})((?::[^<>:]{0,100}){0,4})>")

NOTATIONS: Final[Mapping[str, Notation]] = {
    notation.name: notation
    for notation in (
        Notation("lora_tags", _LORA, "the LoRA is not loaded, and its tag is drawn as words"),
        Notation("break", re.compile(r"(?:^|(?<=\s))BREAK(?=\s|$)"), "the prompt is not cut into chunks there"),
        Notation("and", re.compile(r"(?<=\s)AND(?=\s)"), "the prompts are not composed, but read as one"),
        Notation(
            "attention",
            re.compile(rf"{_NOT_ESCAPED}\({_INSIDE}:{_NUMBER}\)"),
            "the words are not weighed, and the number is drawn as a word",
        ),
        Notation(
            "scheduling",
            re.compile(rf"{_NOT_ESCAPED}\[[^\[\]<>|]{{0,400}}?:{_NUMBER}\]"),
            "the prompt does not change on the way",
        ),
        Notation(
            "alternating",
            re.compile(rf"{_NOT_ESCAPED}\[[^\[\]<>:]{{0,400}}?\|[^\[\]<>:]{{0,400}}?\]"),
            "the words do not alternate",
        ),
        Notation(
            "deemphasis",
            re.compile(rf"{_NOT_ESCAPED}\[[^\[\]<>:|]{{1,400}}\]"),
            "the words are not weighed down",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class LoraTag:
    """One `<lora:name:weight>`. `weight`: 1 where none is written, None where it is no number."""

    text: str
    name: str
    weight: float | int | None
    more: bool


def used(text: str) -> Iterator[tuple[Notation, str]]:
    """Every notation that a text uses, once each, with the first piece of it that does."""
    for notation in NOTATIONS.values():
        found = notation.pattern.search(text)
        if found is not None:
            yield notation, found.group().strip()


def lora_tags(text: str) -> list[LoraTag]:
    """The LoRA tags of a text, in their order."""
    tags = []
    for found in _LORA.finditer(text):
        weights = found.group(2).split(":")[1:]
        weight = 1 if not weights else _number(weights[0])
        tags.append(LoraTag(found.group(), found.group(1).strip(), weight, len(weights) > 1))
    return tags


def without_lora_tags(text: str, tags: list[LoraTag]) -> str:
    """The text without these tags, and without the blanks and commas that they leave at its ends and doubled."""
    for tag in tags:
        text = text.replace(tag.text, "\0")
    text = re.sub(r"[ \t]*\0[ \t]*", " ", text)
    return re.sub(r"(?:^[\s,]+|[\s,]+$)", "", re.sub(r",(?:\s*,)+", ",", text)) if tags else text


def _number(text: str) -> float | int | None:
    try:
        number = float(text)
    except ValueError:
        return None
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() else number

"""Whether a server did what it was asked: what its answer tells, held against what the request asked for.

Servers answer 200 and run another sampler, another checkpoint, or no second pass. Which parts of an answer tell of it
is data (`verify` in backend.yaml); this module reads that data, evaluates what was asked for, and compares. A
difference is a warning that names the field. It knows no server; what it is told it distrusts: an infotext may be
anything, and what is not told is no difference, unless the data says that it must be.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from engine.backends.answer_forms import AnswerReader
from engine.backends.places import Place, find
from engine.errors import Finding, Position
from engine.images import Image
from engine.tables.concrete import ConcreteAlgebra, EvaluationError, Scope, Value
from engine.tables.forms import Condition, Expression, LookupTable, Step, Take
from engine.tables.shapes import Path
from engine.tables.traverse import names_in
from engine.tables.walk import Walker
from engine.values import ABSENT, Absent, Json, is_number
from engine.wire import cleaned

__all__ = ["Asked", "Check", "Told", "Verify", "asked_of", "differences", "infotext_pairs", "read_verify"]

#: What `got` says where the pictures' own size is compared with what the stage gives.
SIZE: Final = "size"

_MAX_INFOTEXT, _MAX_PAIRS = 200_000, 500
_PAIR: Final = re.compile(r'\s*([^\s:,][^:,]{0,99}):\s*("(?:\\.|[^"\\])*"|[^,]*)(?:,|$)')


@dataclass(frozen=True, slots=True)
class Told:
    """Where an answer tells something: at a place in the info, or under a key of the infotext."""

    place: Place | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to compare, in these stage types.

    `asked`: what was asked for, an expression over the request's fields; absent, there is nothing to compare; None:
    the size that the stage gives. `told`: where the answer tells it, the first place that does. `steps`: what is done
    to both before they are compared. `among`: the answer tells a list in one text. `must`: told nowhere, it was not
    done. `unless`: requests that this says nothing of.
    """

    name: str
    stages: tuple[str, ...]
    asked: Expression | None
    told: tuple[Told, ...]
    at: Position
    steps: tuple[Step, ...] = ()
    among: bool = False
    must: bool = False
    unless: Condition | None = None
    hint: str | None = None

    @property
    def field(self) -> str | None:
        """The field that it is about."""
        return None if self.asked is None else next((name for name, _ in names_in(self.asked)), None)


@dataclass(frozen=True, slots=True)
class Verify:
    """All checks of a back end by name, and where in the info its infotext stands."""

    checks: Mapping[str, Check] = field(default_factory=dict)
    infotext: Place | None = None

    def over(self, parent: Verify) -> Verify:
        """These over those of the back end that is extended: a check of the same name takes its place."""
        place = parent.infotext if self.infotext is None else self.infotext
        return Verify({**parent.checks, **self.checks}, place)


@dataclass(frozen=True, slots=True)
class Asked:
    """A check, and what this call asks for."""

    check: Check
    value: Value


# -- reading ------------------------------------------------------------------------------------------------------


def read_verify(reader: AnswerReader, path: Path, node: Json) -> Verify:
    """The words of `verify`: `infotext`, and `checks` by name."""
    form = reader.mapping(path, node, "'verify'")
    reader.known(path, form, {"infotext", "checks"}, "'verify'")
    checks = reader.mapping((*path, "checks"), form.get("checks"), "'checks'")
    return Verify(
        {name: _check(reader, (*path, "checks", name), name, check) for name, check in checks.items()},
        reader.place((*path, "infotext"), form["infotext"]) if "infotext" in form else None,
    )


def _check(reader: AnswerReader, path: Path, name: str, node: Json) -> Check:
    form = reader.mapping(path, node, "a check")
    words = {"stages", "asked", "got", "as", "among", "must", "unless", "hint"}
    reader.known(path, form, words, "a check")
    size = form.get("got") == SIZE
    for word in ("stages", "got", *(() if size else ("asked",))):
        if word not in form:
            reader.fault("form-shape", f"a check must say {word!r}", reader.document.at(*path))
    got = form.get("got", [])
    places = [] if size else got if isinstance(got, list) else [got]
    stages = reader.items((*path, "stages"), form.get("stages", []), "'stages'")
    return Check(
        name=name,
        stages=tuple(reader.text((*path, "stages", i), stage, "a stage type") for i, stage in enumerate(stages)),
        asked=reader.expression((*path, "asked"), form["asked"]) if "asked" in form else None,
        told=tuple(_told(reader, (*path, "got"), one) for one in places),
        at=reader.document.key_at(*path),
        steps=reader.steps(path, {"as": form["as"]}) if "as" in form else (),
        among=reader.flag((*path, "among"), form["among"], "'among'") if "among" in form else False,
        must=reader.flag((*path, "must"), form["must"], "'must'") if "must" in form else False,
        unless=reader.condition((*path, "unless"), form["unless"]) if "unless" in form else None,
        hint=reader.text((*path, "hint"), form["hint"], "a hint") if "hint" in form else None,
    )


def _told(reader: AnswerReader, path: Path, node: Json) -> Told:
    if isinstance(node, dict) and list(node) == ["infotext"]:
        return Told(key=reader.text(path, node["infotext"], "a key of the infotext"))
    place = reader.place(path, node)
    if not place.in_info:
        hint = "write {info: /sampler_name}, {infotext: Sampler}, or size"
        reader.fault("form-shape", "what an answer tells stands in its info", reader.document.at(*path), hint)
    return Told(place)


# -- comparing ----------------------------------------------------------------------------------------------------


def asked_of(checks: Sequence[Check], lookups: Mapping[str, LookupTable], scope: Scope) -> tuple[Asked, ...]:
    """What a call asks for, of all that can be verified. Raises EvaluationError as a table's row does."""
    walker: Walker[Value, Scope] = Walker(ConcreteAlgebra(), lookups)
    found = []
    for check in checks:
        if check.unless is not None and walker.holds(check.unless, scope):
            continue
        value = ABSENT if check.asked is None else walker.evaluate(check.asked, scope)
        if check.asked is None or value is not ABSENT:
            found.append(Asked(check, value))
    return tuple(found)


def differences(
    verify: Verify,
    asked: Sequence[Asked],
    info: Mapping[str, Json],
    images: Sequence[Image],
    size: tuple[int, int],
    lookups: Mapping[str, LookupTable],
) -> Iterator[Finding]:
    """Everything that the answer to one call tells otherwise than it was asked, as warnings."""
    data: Json = dict(info)
    text = ABSENT if verify.infotext is None else find(data, verify.infotext)
    pairs = infotext_pairs(text) if isinstance(text, str) else {}
    for one in asked:
        check = one.check
        if check.asked is None:
            yield from _sizes(check, images, size)
            continue
        places = (pairs.get(t.key.casefold(), ABSENT) if t.place is None else find(data, t.place) for t in check.told)
        told = [value for value in places if value is not ABSENT and value not in (None, "")]
        wanted = one.value if isinstance(one.value, list) else [one.value]
        for value in wanted:
            candidates = told if isinstance(one.value, list) else told[:1]
            agreed = any(_agree(check, value, candidate, lookups) for candidate in candidates)
            if not agreed and (candidates or check.must):
                yield _difference(check, value, candidates)


def infotext_pairs(text: str) -> dict[str, str]:
    """The `key: value` pairs in the last line of an infotext, by their keys in lower case.

    A value with commas in it stands in quotation marks, which are taken off.
    """
    lines = text[-_MAX_INFOTEXT:].strip().splitlines()
    pairs: dict[str, str] = {}
    for match in _PAIR.finditer(lines[-1] if lines else ""):
        value = match[2].strip()
        if len(value) > 1 and value.startswith('"') and value.endswith('"'):
            value = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
        pairs.setdefault(match[1].strip().casefold(), value)
        if len(pairs) == _MAX_PAIRS:
            break
    return pairs


def _agree(check: Check, asked: Value, told: Json, lookups: Mapping[str, LookupTable]) -> bool:
    if asked is True:
        return told is not False  # that it is told of at all is the answer
    if check.among and isinstance(told, str) and isinstance(asked, str):
        return asked.strip().casefold() in {part.strip().casefold() for part in re.split("[;,]", told)}
    return _same(_stepped(check, asked, lookups), _stepped(check, told, lookups))


def _stepped(check: Check, value: Value, lookups: Mapping[str, LookupTable]) -> Value:
    """The value as it is compared. What a conversion cannot take is compared as it is."""
    if not check.steps or not isinstance(value, str):
        return value
    walker: Walker[Value, Scope] = Walker(ConcreteAlgebra(), lookups)
    try:
        return walker.evaluate(Take(("told",), check.steps, False, check.at), Scope({"told": value}, frozenset()))
    except EvaluationError:
        return value


def _same(asked: Value, told: Value) -> bool:
    if is_number(asked):
        number = _number(told)
        return number is not None and math.isclose(number, float(asked), rel_tol=1e-6, abs_tol=1e-9)
    if isinstance(asked, str) and isinstance(told, (str, int, float)) and not isinstance(told, bool):
        return asked.strip().casefold() == str(told).strip().casefold()
    return asked == told


def _number(value: Value) -> float | None:
    try:
        return float(value) if isinstance(value, str) or is_number(value) else None
    except (ValueError, OverflowError):
        return None


def _difference(check: Check, asked: Value, told: Sequence[Json | Absent]) -> Finding:
    name = check.field or check.name
    if not told:
        message = f"{name} {_shown(asked)} was asked for, and the answer does not say that it was done"
        return Finding("verify-not-done", message, hint=check.hint, field=check.field, severity="warning")
    got = " and ".join(_shown(one) for one in told[:4])
    message = f"{name} {_shown(asked)} was asked for, and the answer says {got}"
    return Finding("verify-other", message, hint=check.hint, field=check.field, severity="warning")


def _sizes(check: Check, images: Sequence[Image], size: tuple[int, int]) -> Iterator[Finding]:
    others = dict.fromkeys((image.width, image.height) for image in images if (image.width, image.height) != size)
    for width, height in others:
        message = f"a picture of {size[0]}x{size[1]} was asked for, and one of {width}x{height} came"
        yield Finding("verify-size", message, hint=check.hint, severity="warning")


def _shown(value: object) -> str:
    return repr(cleaned(value)[:80]) if isinstance(value, str) else cleaned(str(value))[:80]

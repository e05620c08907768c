"""The conversions: the only Python that a table meets, few, named and typed.

Each says how many values it takes, what its parameter is, what it does to values (`apply`) and what it does to
sets of values (`image`): a proof needs both, and a test holds the one against the other. A conversion gives ABSENT
where it has nothing to say, and raises `ConversionError` where a value is of the wrong kind. Arithmetic is exact
on the decimals that were written: 0.07 x 100 is 7.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal as OneOf
from typing import TypeVar

from engine.tables.domains import NOWHERE, Domain, Lists, Literal, Numbers, Part, Texts, union
from engine.tables.forms import LookupTable
from engine.values import ABSENT, Absent, Json, is_number, kind_of

__all__ = ["CONVERSIONS", "Conversion", "ConversionError"]


_T = TypeVar("_T")


class ConversionError(ValueError):
    """A conversion met a value that it cannot take. The text says which kind it needs."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """One conversion.

    `inputs`: how many values it takes; `parameter`: what is written behind its name; `apply(values, parameter)`:
    the result, or ABSENT; `image(sets, parameter)`: the set of all results, or None where it cannot be bounded.
    """

    name: str
    summary: str
    inputs: int
    parameter: OneOf["none", "integer", "number", "text", "lookup"]
    apply: Callable[[Sequence[Json], object], Json | Absent]
    image: Callable[[Sequence[Domain], object], Domain | None]


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise ConversionError(f"needs text, not {kind_of(value)}")
    return value


def _number(value: Json) -> Fraction:
    if not isinstance(value, (int, float)) or not is_number(value):
        raise ConversionError(f"needs a number, not {kind_of(value)}")
    return Fraction(value) if isinstance(value, int) else Fraction(str(value))


def _plain(value: Fraction) -> int | float:
    try:
        return value.numerator if value.denominator == 1 else float(value)
    except OverflowError as problem:
        raise ConversionError("gives a number that is too large") from problem


def _table(parameter: object) -> LookupTable:
    assert isinstance(parameter, LookupTable)  # noqa: S101 - the proof has refused any other parameter
    return parameter


# -- texts ----------------------------------------------------------------------------------------------------


def _suffix(text: str, table: LookupTable) -> str | None:
    """The longest key that ends the text with something before it: a word of its own, or a mark such as ".pt"."""
    whole = text.rstrip()

    def ends(key: str) -> bool:
        # By the key's own length: folding may change a text's, and a cut must not take more than the key.
        head, tail = whole[: -len(key)], whole[-len(key) :]
        apart = head.endswith(" ") or not key[0].isalnum()
        return apart and head.strip() != "" and tail.casefold() == key.casefold()

    return max((key for key in table.keys if isinstance(key, str) and key and ends(key)), key=len, default=None)


def _strip_suffix(values: Sequence[Json], parameter: object) -> Json:
    text = _text(values[0])
    suffix = _suffix(text, _table(parameter))
    return text if suffix is None else text.rstrip()[: -len(suffix)].rstrip()


def _suffix_of(values: Sequence[Json], parameter: object) -> Json | Absent:
    table = _table(parameter)
    suffix = _suffix(_text(values[0]), table)
    return ABSENT if suffix is None else table.get(suffix)


def _strip_hash(values: Sequence[Json], _: object) -> Json:
    """`model.safetensors [31e35c80fc]` is the title that a server shows; the name is what stands before."""
    text = _text(values[0])
    head, bracket, tail = text.rstrip().rpartition(" [")
    digits = tail.removesuffix("]")
    is_hash = bracket and tail.endswith("]") and digits and all(c in "0123456789abcdefABCDEF" for c in digits)
    return head.rstrip() if is_hash and head.strip() else text


def _base_name(values: Sequence[Json], _: object) -> Json:
    text = _text(values[0])
    return text.replace("\\", "/").rstrip("/").rpartition("/")[2]


def _strip_control(values: Sequence[Json], _: object) -> Json:
    """Control characters but tab and newline leave; CR LF and CR become LF."""
    text = _text(values[0]).replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in text if c in "\t\n" or unicodedata.category(c) != "Cc")


def _blank_if_prefix(values: Sequence[Json], parameter: object) -> Json:
    text = _text(values[0])
    return "" if text.strip().casefold().startswith(str(parameter).casefold()) else text


def _join(values: Sequence[Json], parameter: object) -> Json:
    items = values[0]
    if not isinstance(items, list):
        raise ConversionError(f"needs a list of texts, not {kind_of(items)}")
    return str(parameter).join(_text(item) for item in items)


def _join_pair(values: Sequence[Json], parameter: object) -> Json:
    return str(parameter).join(_written(value) for value in values)


def _written(value: Json) -> str:
    """Text as it is, and a number as people write it: 512, not 512.0."""
    return value if isinstance(value, str) else str(_plain(_number(value)))


# -- numbers --------------------------------------------------------------------------------------------------


def _product(values: Sequence[Json], _: object) -> Json:
    return _plain(_number(values[0]) * _number(values[1]))


def _ratio_of(values: Sequence[Json], _: object) -> Json:
    whole = _number(values[1])
    if whole == 0:
        raise ConversionError("cannot take a ratio of 0")
    return _plain(_number(values[0]) / whole)


def _steps_after(values: Sequence[Json], _: object) -> Json:
    """As ComfyUI and A1111 count: what starts at step ceil(steps x ratio) has the rest, and never nothing."""
    steps, ratio = _number(values[0]), _number(values[1])
    return _plain(max(Fraction(1), steps - math.ceil(steps * ratio)))


def _round_down(values: Sequence[Json], parameter: object) -> Json:
    step = _number(parameter)  # type: ignore[arg-type]
    return _plain(math.floor(_number(values[0]) / step) * step)


def _negate(values: Sequence[Json], _: object) -> Json:
    return _plain(-_number(values[0]))


def _times(values: Sequence[Json], parameter: object) -> Json:
    return _plain(_number(values[0]) * _number(parameter))  # type: ignore[arg-type]


# Samplers that know no strength run part of a longer way instead: the first steps of it are skipped.


def _steps(value: Json) -> Fraction:
    steps = _number(value)
    if steps.denominator != 1:
        raise ConversionError("needs a whole number of steps")
    return steps


def _total_steps(values: Sequence[Json], _: object) -> Json:
    strength = _number(values[1])
    if not 0 < strength <= 1:
        raise ConversionError("needs a strength above 0 and up to 1")
    return math.floor(_steps(values[0]) / strength)


def _skipped_steps(values: Sequence[Json], _: object) -> Json:
    return _plain(_number(_total_steps(values, None)) - _number(values[0]))


def _step_at_ratio(values: Sequence[Json], _: object) -> Json:
    """The step at which another takes over: both have at least one to do, where there are two."""
    steps = _steps(values[0])
    return max(1, min(math.ceil(steps * _number(values[1])), int(steps) - 1))


def _skipped_plus_ratio(values: Sequence[Json], _: object) -> Json:
    steps, strength, ratio = values
    return _plain(_number(_skipped_steps([steps, strength], None)) + _number(_step_at_ratio([steps, ratio], None)))


def _count(values: Sequence[Json], _: object) -> Json:
    items = values[0]
    if not isinstance(items, list):
        raise ConversionError(f"needs a list, not {kind_of(items)}")
    return len(items)


# -- images of sets -------------------------------------------------------------------------------------------


def _piecewise(
    apply: Callable[[Sequence[Json], object], Json | Absent],
    rest: Callable[[Part, object], Domain | None],
) -> Callable[[Sequence[Domain], object], Domain | None]:
    """The image of one set: literals one by one, every other part as a whole."""

    def image(domains: Sequence[Domain], parameter: object) -> Domain | None:
        results = [NOWHERE] if domains[0].maybe_absent else []
        for part in domains[0].parts:
            if isinstance(part, Literal):
                value = apply([part.value], parameter)
                results.append(NOWHERE if value is ABSENT else Domain((Literal(value),)))
            else:
                mapped = rest(part, parameter)
                if mapped is None:
                    return None
                results.append(mapped)
        return union(results)

    return image


def _shorter_text(part: Part, _: object) -> Domain | None:
    """A text that may lose a part but never all of it."""
    if not isinstance(part, Texts):
        raise ConversionError("needs text")
    return Domain((Texts(min(part.shortest, 1), part.longest),))


def _any_text(part: Part, _: object) -> Domain | None:
    if not isinstance(part, Texts):
        raise ConversionError("needs text")
    return Domain((Texts(0, part.longest),))


def _table_values(part: Part, parameter: object) -> Domain | None:
    if not isinstance(part, Texts):
        raise ConversionError("needs text")
    values = tuple(Literal(value) for _, value in _table(parameter).entries)
    return Domain(values, maybe_absent=True)


def _joined(part: Part, _: object) -> Domain | None:
    items = [piece for segment in part.segments for piece in segment.item.parts] if isinstance(part, Lists) else [part]
    if not all(isinstance(i, Texts) or (isinstance(i, Literal) and isinstance(i.value, str)) for i in items):
        raise ConversionError("needs a list of texts")
    return Domain((Texts(),))


def _pairs(domains: Sequence[Domain], _: object) -> Domain | None:
    for part in (part for domain in domains for part in domain.parts):
        if not isinstance(part, Texts):
            if isinstance(part, Literal) and isinstance(part.value, str):
                continue
            _as_range(part)
    return Domain((Texts(),), maybe_absent=any(domain.maybe_absent for domain in domains))


def _counted(part: Part, _: object) -> Domain | None:
    if not isinstance(part, Lists):
        raise ConversionError("needs a list")
    least = sum(segment.least for segment in part.segments)
    ends = [segment.most for segment in part.segments]
    most = math.inf if None in ends else sum(end for end in ends if end is not None)
    return Domain((Numbers(least, most, integer=True),))


def _corners(
    apply: Callable[[Sequence[Json], object], Json | Absent],
    shape: Callable[[Sequence[Numbers], object], tuple[bool, float | None]],
) -> Callable[[Sequence[Domain], object], Domain | None]:
    """The image of a function that is monotone in each number: its values at the corners bound all the others.

    `shape` says of the result whether it is whole and of which step.
    """

    def image(domains: Sequence[Domain], parameter: object) -> Domain | None:
        ranges = [[_as_range(part) for part in domain.parts] for domain in domains]
        results: list[Domain] = [NOWHERE] if any(d.maybe_absent for d in domains) else []
        for box in _boxes(ranges):
            ends = [(r.low, r.high) for r in box]
            if any(math.isinf(end) for pair in ends for end in pair):
                return None
            values = [apply(list(corner), parameter) for corner in _boxes([list(pair) for pair in ends])]
            numbers = [v for v in values if isinstance(v, (int, float))]
            whole, step = shape(box, parameter)
            results.append(Domain((Numbers(min(numbers), max(numbers), whole, step),)))
        return union(results)

    return image


def _as_range(part: Part) -> Numbers:
    if isinstance(part, Numbers):
        return part
    if isinstance(part, Literal) and isinstance(part.value, (int, float)) and is_number(part.value):
        return Numbers(part.value, part.value, integer=float(part.value).is_integer())
    raise ConversionError("needs a number")


def _boxes(sides: Sequence[Sequence[_T]]) -> list[list[_T]]:
    boxes: list[list[_T]] = [[]]
    for side in sides:
        boxes = [[*box, part] for box in boxes for part in side]
    return boxes


def _all_whole(box: Sequence[Numbers], _: object) -> tuple[bool, float | None]:
    return all(r.integer for r in box), None


def _multiple(_: Sequence[Numbers], parameter: object) -> tuple[bool, float | None]:
    step = float(_number(parameter))  # type: ignore[arg-type]
    return step.is_integer(), step


def _times_shape(box: Sequence[Numbers], parameter: object) -> tuple[bool, float | None]:
    return box[0].integer and _number(parameter).denominator == 1, None  # type: ignore[arg-type]


def _whole(_: Sequence[Numbers], __: object) -> tuple[bool, float | None]:
    return True, None


def _of_steps(
    apply: Callable[[Sequence[Json], object], Json | Absent], *, with_strength: bool
) -> Callable[[Sequence[Domain], object], Domain | None]:
    """The image of a function that grows with whole steps and a ratio, and without end as a strength nears 0."""

    def image(domains: Sequence[Domain], parameter: object) -> Domain | None:
        if not all(_as_range(part).integer for part in domains[0].parts):
            raise ConversionError("needs a whole number of steps")
        strengths = [_as_range(part) for part in domains[1].parts] if with_strength else []
        if any(r.high > 1 for r in strengths):
            raise ConversionError("needs a second number of at most 1")
        return None if any(r.low <= 0 for r in strengths) else _corners(apply, _whole)(domains, parameter)

    return image


def _ratios(domains: Sequence[Domain], parameter: object) -> Domain | None:
    """Monotone in each number, as long as the second keeps its sign; it must never be 0."""
    if any(r.low <= 0 <= r.high for r in map(_as_range, domains[1].parts)):
        raise ConversionError("needs a second number that cannot be 0")
    return _corners(_ratio_of, lambda _, __: (False, None))(domains, parameter)


CONVERSIONS: dict[str, Conversion] = {
    conversion.name: conversion
    for conversion in (
        Conversion(
            "strip_suffix",
            "the text without the table's longest key at its end",
            1,
            "lookup",
            _strip_suffix,
            _piecewise(_strip_suffix, _shorter_text),
        ),
        Conversion(
            "suffix_of",
            "what the table gives for its longest key at the text's end, or absent",
            1,
            "lookup",
            _suffix_of,
            _piecewise(_suffix_of, _table_values),
        ),
        Conversion(
            "strip_hash",
            "the text without a trailing ' [hash]'",
            1,
            "none",
            _strip_hash,
            _piecewise(_strip_hash, _shorter_text),
        ),
        Conversion(
            "base_name",
            "the text after its last slash or backslash",
            1,
            "none",
            _base_name,
            _piecewise(_base_name, _any_text),
        ),
        Conversion(
            "strip_control",
            "the text without control characters but tab and newline",
            1,
            "none",
            _strip_control,
            _piecewise(_strip_control, _any_text),
        ),
        Conversion(
            "blank_if_prefix",
            "empty text where the text begins with this, in any case",
            1,
            "text",
            _blank_if_prefix,
            _piecewise(_blank_if_prefix, _any_text),
        ),
        Conversion(
            "join", "the texts of a list in one, with this between them", 1, "text", _join, _piecewise(_join, _joined)
        ),
        Conversion(
            "join_pair",
            "two texts or numbers in one text, with this between them: 512x768",
            2,
            "text",
            _join_pair,
            _pairs,
        ),
        Conversion("product", "one number times another", 2, "none", _product, _corners(_product, _all_whole)),
        Conversion(
            "ratio_of", "the first number as a part of the second (16 of 20 is 0.8)", 2, "none", _ratio_of, _ratios
        ),
        Conversion(
            "steps_after",
            "how many of the steps are left after this share of them, at least one (20 steps after 0.8 are 4)",
            2,
            "none",
            _steps_after,
            _corners(_steps_after, lambda box, _: (box[0].integer, None)),
        ),
        Conversion(
            "round_down",
            "the largest multiple of this that is not above the number",
            1,
            "integer",
            _round_down,
            _corners(_round_down, _multiple),
        ),
        Conversion("negate", "the number with its sign turned", 1, "none", _negate, _corners(_negate, _all_whole)),
        Conversion("times", "the number times this one", 1, "number", _times, _corners(_times, _times_shape)),
        Conversion(
            "total_steps",
            "the length of the way of which so many steps at this strength are the end (20 at 0.5: 40)",
            2,
            "none",
            _total_steps,
            _of_steps(_total_steps, with_strength=True),
        ),
        Conversion(
            "skipped_steps",
            "how many steps of that way are skipped (20 at 0.5: 20)",
            2,
            "none",
            _skipped_steps,
            _of_steps(_skipped_steps, with_strength=True),
        ),
        Conversion(
            "step_at_ratio",
            "the step at this part of the way, rounded up; neither the start nor the end of it (20 at 0.8: 16)",
            2,
            "none",
            _step_at_ratio,
            _of_steps(_step_at_ratio, with_strength=False),
        ),
        Conversion(
            "skipped_plus_ratio",
            "the steps that are skipped at this strength, and the step at this part of the rest",
            3,
            "none",
            _skipped_plus_ratio,
            _of_steps(_skipped_plus_ratio, with_strength=True),
        ),
        Conversion("count", "how many items the list has", 1, "none", _count, _piecewise(_count, _counted)),
    )
}

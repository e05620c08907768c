"""What a conversion does to sets holds what it does to the values in them: for every conversion that there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import Position
from engine.tables.conversions import CONVERSIONS, ConversionError
from engine.tables.domains import Domain, Literal, Numbers, Texts, of_schema, split_literals, union
from engine.tables.forms import LookupTable
from engine.values import ABSENT

AT = Position("test", 1, 1)
TABLE = LookupTable("t", (("Karras", "karras"), ("SGM Uniform", "sgm_uniform"), ("Uniform", "uniform")), AT)

Set = tuple[Domain, st.SearchStrategy[Any]]


def bounded(low: float, high: float) -> Callable[[], st.SearchStrategy[Set]]:
    """Ranges of numbers between these, whole or not, and literals among them, each with a strategy for its values."""

    @st.composite
    def sets(draw: st.DrawFn) -> Set:
        whole = draw(st.booleans())
        numbers = (
            st.integers(int(low) + 1, int(high))
            if whole
            else st.integers(0, 40).map(lambda n: low + (high - low) * n / 40)
        )
        ends = sorted(draw(st.tuples(numbers, numbers)))
        if draw(st.booleans()):
            values = draw(st.lists(numbers, min_size=1, max_size=3))
            return Domain(tuple(Literal(v) for v in dict.fromkeys(values))), st.sampled_from(values)
        inside = st.integers(*ends) if whole else st.floats(*ends)
        return Domain((Numbers(ends[0], ends[1], integer=whole),)), inside

    return sets


@st.composite
def texts(draw: st.DrawFn) -> Set:
    words = st.sampled_from(
        ["", "a", "DPM++ 2M Karras", "x SGM Uniform ", "No VAE", "a/b.pt [31e35c80fc]", "c\x00\r\n"]
    )
    if draw(st.booleans()):
        values = draw(st.lists(words, min_size=1, max_size=3))
        return Domain(tuple(Literal(v) for v in dict.fromkeys(values))), st.sampled_from(values)
    shortest = draw(st.integers(0, 2))
    inside = (words | st.text(max_size=30)).filter(lambda text: shortest <= len(text) <= 30)
    return Domain((Texts(shortest, 30),)), inside


@st.composite
def lists(draw: st.DrawFn) -> Set:
    least = draw(st.integers(0, 2))
    most = draw(st.integers(least, 4))
    schema = {"type": "array", "minItems": least, "maxItems": most, "items": {"type": "string"}}
    return of_schema(schema), st.lists(st.text(max_size=4), min_size=least, max_size=most)


STEPS, STRENGTH, RATIO, ANY = bounded(0, 150), bounded(0, 1), bounded(0, 1), bounded(-50, 50)
ABOVE_0 = bounded(0.5, 8)

#: What each conversion is given: its sets, and its parameters.
GIVEN: dict[str, tuple[tuple[Callable[[], st.SearchStrategy[Set]], ...], st.SearchStrategy[Any]]] = {
    "strip_suffix": ((texts,), st.just(TABLE)),
    "suffix_of": ((texts,), st.just(TABLE)),
    "strip_hash": ((texts,), st.just(ABSENT)),
    "base_name": ((texts,), st.just(ABSENT)),
    "strip_control": ((texts,), st.just(ABSENT)),
    "blank_if_prefix": ((texts,), st.sampled_from(["no vae", "a"])),
    "join": ((lists,), st.sampled_from([", ", ""])),
    "join_pair": ((texts, ANY), st.sampled_from(["x", ""])),
    "product": ((ANY, ANY), st.just(ABSENT)),
    "ratio_of": ((ANY, ABOVE_0), st.just(ABSENT)),
    "steps_after": ((STEPS, RATIO), st.just(ABSENT)),
    "round_down": ((ANY,), st.integers(1, 16)),
    "negate": ((ANY,), st.just(ABSENT)),
    "times": ((ANY,), st.sampled_from([2, 2.5, -1, 0, 0.07])),
    "total_steps": ((STEPS, STRENGTH), st.just(ABSENT)),
    "skipped_steps": ((STEPS, STRENGTH), st.just(ABSENT)),
    "step_at_ratio": ((STEPS, RATIO), st.just(ABSENT)),
    "skipped_plus_ratio": ((STEPS, STRENGTH, RATIO), st.just(ABSENT)),
    "count": ((lists,), st.just(ABSENT)),
}


def test_every_conversion_is_tried() -> None:
    assert GIVEN.keys() == CONVERSIONS.keys()


@pytest.mark.parametrize("name", list(GIVEN))
@given(data=st.data())
def test_the_image_holds_every_result(name: str, data: st.DataObject) -> None:
    conversion, (kinds, parameters) = CONVERSIONS[name], GIVEN[name]
    assert len(kinds) == conversion.inputs
    sets = [data.draw(kind()) for kind in kinds]
    parameter = data.draw(parameters)
    values = [data.draw(inside) for _, inside in sets]
    try:
        image = conversion.image([domain for domain, _ in sets], parameter)
    except ConversionError:
        return  # refused when the table is proven: nothing can be built
    try:
        result = conversion.apply(values, parameter)
    except ConversionError:
        assert image is None, "a set that may hold what cannot be converted has no bounds"
        return
    if image is None:
        return  # the author says that its bounds hold for another reason
    if result is ABSENT:
        assert image.maybe_absent
        return
    inside, _ = split_literals(union([image]), [result])
    assert inside.parts, f"{name} of {values} is {result!r}, and {image} does not hold it"


@pytest.mark.parametrize("name", list(GIVEN))
@given(data=st.data())
def test_what_may_be_absent_stays_so(name: str, data: st.DataObject) -> None:
    conversion, (kinds, parameters) = CONVERSIONS[name], GIVEN[name]
    sets = [Domain(data.draw(kind())[0].parts, maybe_absent=True) for kind in kinds]
    try:
        image = conversion.image(sets, data.draw(parameters))
    except ConversionError:
        return
    assert image is None or image.maybe_absent


@pytest.mark.parametrize(
    ("name", "values", "result"),
    [
        ("step_at_ratio", [50, 0.14], 7),  # 7.000000000000001 in floats
        ("step_at_ratio", [20, 0.8], 16),
        ("step_at_ratio", [20, 0.01], 1),
        ("step_at_ratio", [20, 0.999], 19),
        ("step_at_ratio", [1, 0.5], 1),
        ("step_at_ratio", [2, 0.9], 1),
        ("total_steps", [20, 0.5], 40),
        ("total_steps", [20, 0.3], 66),
        ("total_steps", [3, 0.1], 30),  # 29 in floats cut down
        ("total_steps", [20, 1], 20),
        ("skipped_steps", [20, 0.3], 46),
        ("skipped_steps", [20, 1], 0),
        ("skipped_plus_ratio", [20, 0.3, 0.8], 62),
    ],
)
def test_steps_are_counted_on_the_decimals_that_were_written(name: str, values: list[Any], result: int) -> None:
    assert CONVERSIONS[name].apply(values, ABSENT) == result


@pytest.mark.parametrize("strength", [0, -0.5, 1.5])
def test_no_way_is_so_long_that_a_strength_of_0_is_its_end(strength: float) -> None:
    with pytest.raises(ConversionError, match="above 0 and up to 1"):
        CONVERSIONS["total_steps"].apply([20, strength], ABSENT)

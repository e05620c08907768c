"""What an object of foreign code holds, by name.

Nothing of it is changed, and little of its code is run: its own data is read (fields, slots, `__dict__`), and such
properties as bear a known word. An attribute that is None counts as not given, since an object cannot leave one out;
a mapping's null stays one. An object that answers to every name, as mocks do, is asked for its own data only. This
module knows no word itself, and neither plans nor configs.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from pathlib import Path
from types import FunctionType
from typing import Final

from engine.errors import Finding
from engine.images import Image

__all__ = ["MAX_WORDS", "VALUES", "has_words", "held"]

#: The most names of one object or mapping.
MAX_WORDS: Final = 1000

#: What is a value, and has no words to read.
VALUES: Final = (str, bytes, bool, int, float, enum.Enum, Path, Image)

#: The longest name that is shown as it is.
_MAX_NAME: Final = 200

#: No object has an attribute of this name, unless it answers to every name.
_NO_ATTRIBUTE: Final = "stage_engine_asks_whether_every_name_is_answered"


def has_words(item: object) -> bool:
    """Whether this is an object or a mapping; a value or a list is none."""
    plain = isinstance(item, (list, tuple)) and not hasattr(item, "_fields")
    return not (item is None or plain or isinstance(item, VALUES))


def held(item: object, known: Collection[str], source: str) -> tuple[dict[str, object], list[Finding]]:
    """What an object or a mapping holds, and what is wrong with it. `known`: the words that are looked for.

    A word of an enumeration is its value. `source` names the object for people. Raises nothing.
    """
    findings: list[Finding] = []
    try:
        entries = _entries(item) if isinstance(item, Mapping) else _attributes(item, known, source, findings)
        found = dict(islice(entries, MAX_WORDS + 1))
    except Exception as problem:  # noqa: BLE001 - foreign code
        message = f"{source} cannot be read: {type(problem).__name__}"
        return {}, [*findings, Finding("host-attribute-raised", message)]
    if len(found) > MAX_WORDS:
        return {}, [*findings, Finding("plan-shape", f"{source} holds more than {MAX_WORDS} values")]
    return found, findings


def _entries(item: Mapping[object, object]) -> Iterator[tuple[str, object]]:
    for key, value in item.items():
        name = _unwrapped(key)
        text = name if isinstance(name, str) else f"<{type(name).__name__}>"
        yield (text if len(text) <= _MAX_NAME else f"{text[:_MAX_NAME]}…"), _unwrapped(value)


def _attributes(
    item: object, known: Collection[str], source: str, findings: list[Finding]
) -> Iterator[tuple[str, object]]:
    own = [name for name in islice(_own_names(item), MAX_WORDS + 1) if not name.startswith("_")]
    names = dict.fromkeys((*own, *sorted(_class_names(item) & set(known))))
    if hasattr(type(item), "__getattr__") and not _answers_everything(item):
        names |= dict.fromkeys(sorted(known))  # it may hand on what it is asked for
    for name in names:
        try:
            value = getattr(item, name)
        except AttributeError as problem:
            # A slot that is empty, or what a proxy lacks. A property that is there and fails is another thing.
            if name in known and isinstance(_class_value(item, name), property):
                findings.append(_raised(source, name, problem))
            continue
        except Exception as problem:  # noqa: BLE001 - a property is foreign code
            findings.append(_raised(source, name, problem))
            continue
        if value is not None:
            yield name, _unwrapped(value)


def _raised(source: str, name: str, problem: Exception) -> Finding:
    return Finding("host-attribute-raised", f"{source}: reading {name} raised {type(problem).__name__}")


def _own_names(item: object) -> Iterator[str]:
    """The names of an object's own data, in the order in which it was set."""
    yield from getattr(item, "__dict__", {})
    for base in type(item).__mro__:
        slots = base.__dict__.get("__slots__", ())
        yield from (slots,) if isinstance(slots, str) else slots
        yield from base.__dict__.get("_fields", ()) if issubclass(base, tuple) else ()


def _class_names(item: object) -> set[str]:
    """What an object's classes define that is data: properties, defaults; no methods."""
    return {
        name
        for base in type(item).__mro__
        for name, value in base.__dict__.items()
        if not isinstance(value, (FunctionType, classmethod, staticmethod))
    }


def _class_value(item: object, name: str) -> object:
    return next((base.__dict__[name] for base in type(item).__mro__ if name in base.__dict__), None)


def _answers_everything(item: object) -> bool:
    try:
        getattr(item, _NO_ATTRIBUTE)
    except Exception:  # noqa: BLE001 - foreign code; that it raises is the answer
        return False
    return True


def _unwrapped(value: object) -> object:
    return value.value if isinstance(value, enum.Enum) else value

"""What differs between two JSON values, leaf by leaf.

This module knows JSON and nothing about payloads. Lists are aligned on the items that they share, so that an item
put in front is one addition and not a change of everything behind it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine.values import ABSENT, Absent, Json, canonical, same

__all__ = ["Difference", "differences"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two values differ. `old` or `new` is ABSENT where the place is there on one side only.

    `path`: the keys and indexes that lead there; an index counts in the new list, or in the old one for what is gone.
    """

    path: tuple[str, ...]
    old: Json | Absent
    new: Json | Absent


def differences(old: Json, new: Json, path: tuple[str, ...] = ()) -> Iterator[Difference]:
    """Yield every place where the two differ, in the order of the old value's keys, then the new one's."""
    if same(old, new):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys((*old, *new)):
            if key not in new:
                yield Difference((*path, key), old[key], ABSENT)
            elif key not in old:
                yield Difference((*path, key), ABSENT, new[key])
            else:
                yield from differences(old[key], new[key], (*path, key))
    elif isinstance(old, list) and isinstance(new, list):
        yield from _items(old, new, path)
    else:
        yield Difference(path, old, new)


def _items(old: Sequence[Json], new: Sequence[Json], path: tuple[str, ...]) -> Iterator[Difference]:
    matcher = difflib.SequenceMatcher(None, _keys(old), _keys(new), autojunk=False)
    for _, first, last, start, end in (block for block in matcher.get_opcodes() if block[0] != "equal"):
        common = min(last - first, end - start)
        for offset in range(common):
            yield from differences(old[first + offset], new[start + offset], (*path, str(start + offset)))
        for index in range(first + common, last):
            yield Difference((*path, str(index)), old[index], ABSENT)
        for index in range(start + common, end):
            yield Difference((*path, str(index)), ABSENT, new[index])


def _keys(items: Sequence[Json]) -> list[str]:
    return [canonical(_plain(item)) for item in items]


def _plain(value: Json) -> Json:
    """The value with 1.0 written as 1, so that numbers that are the same have the same text."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value

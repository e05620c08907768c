"""The paths through a table: what one of them has decided, and the walk along every one.

A condition that a set does not decide raises `Undecided` with the parts that the set falls into; `explore` walks again
with each. A path is nothing but a mapping from addresses to sets. This module knows names and sets, and no table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from engine.tables.domains import NOWHERE, Anything, Domain, Literal, Opaque, Part, Record, literal, union

__all__ = ["MAX_PATHS", "Budget", "Fields", "Refused", "SymbolicScope", "TooManyPathsError", "Undecided", "explore"]

#: A table with more paths than this is refused: it could only be half proven.
MAX_PATHS = 4096

T = TypeVar("T")


#: Walks over parts of a table that its proof may take in all: some seconds.
MAX_WALKS = 1_000_000


@dataclass(slots=True)
class Budget:
    """How many walks a proof has taken."""

    spent: int = 0


class TooManyPathsError(Exception):
    """There are more paths than a proof may take."""


class Undecided(Exception):  # noqa: N818 - no error: a question that the driver answers
    """A condition that a set does not decide: `address` falls into `parts`, and the walk depends on which."""

    def __init__(self, address: str, parts: Sequence[Domain]) -> None:
        super().__init__(address)
        self.address, self.parts = address, parts


class Refused(Exception):  # noqa: N818 - no error: the path ends here, and nothing is built on it
    """A section of the table refuses the requests of this path."""


@dataclass(frozen=True, slots=True)
class Fields:
    """What a stage's tables may see: every field's set, and for the fields of a switched group, the switch.

    `switches`: group -> the field that switches it. A boolean switch is on when true, any other when present.
    `group_of`: field -> its switched group. The sets of such fields are those of a group that is on.
    """

    domains: Mapping[str, Domain]
    groups: frozenset[str]
    switches: Mapping[str, str] = field(default_factory=dict)
    group_of: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SymbolicScope:
    """Names and their sets on one path. `pins` hold what the path has decided, by address."""

    fields: Fields
    pins: Mapping[str, Domain] = field(default_factory=dict)
    bound: Mapping[str, tuple[str, Domain]] = field(default_factory=dict)

    def pin(self, address: str, domain: Domain) -> SymbolicScope:
        """The scope in which this address is decided to lie in this set."""
        return replace(self, pins={**self.pins, address: domain})

    @property
    def possible(self) -> bool:
        """Whether what the path has decided of a bound item can be: entries that want each other come together."""
        for address, domain in self.bound.values():
            if len(domain.parts) != 1 or not isinstance(record := domain.parts[0], Record):
                continue  # of several kinds of item, who knows which one it is
            for name, others in record.needs.items():
                here = self.pins.get(f"{address}.{name}")
                if here is not None and here.always:
                    there = (self.pins.get(f"{address}.{other}") for other in others)
                    if any(other is not None and other.never for other in there):
                        return False
        return True

    def bind(self, variable: str, address: str, domain: Domain) -> SymbolicScope:
        """The scope with one more variable, whose parts live at this address."""
        return replace(self, bound={**self.bound, variable: (address, domain)})

    def find(self, name: str) -> tuple[str, Domain]:
        """The address that a name stands for, and its set on this path."""
        if name in self.fields.domains:
            address, domain = name, self.fields.domains[name]
        else:
            variable, _, member = name.partition(".")
            address, domain = self.bound.get(variable, (name, NOWHERE))
            if member:
                address, domain = f"{address}.{member}", _entry(domain, member)
        return address, self.pins.get(address, domain)


def _entry(domain: Domain, name: str) -> Domain:
    return union(_entry_of(part, name) for part in domain.parts)


def _entry_of(part: Part, name: str) -> Domain:
    match part:
        case Record(entries=entries):
            return entries.get(name, NOWHERE)
        case Literal(value=dict() as value):
            return literal(value[name]) if name in value else NOWHERE
        case Opaque() | Anything():
            return Domain((Anything(),), maybe_absent=True)
        case _:
            return NOWHERE


def explore(
    scope: SymbolicScope, walk: Callable[[SymbolicScope], T], budget: Budget
) -> Iterator[tuple[SymbolicScope, T]]:
    """Walk every path: where a walk is undecided, walk again once for each part. Yields the end of each path.

    A path on which the table refuses the request has none.

    Raises TooManyPathsError beyond MAX_PATHS, or where the whole proof has taken more than MAX_WALKS walks.
    """
    waiting, walked = [scope], 0
    while waiting:
        walked, budget.spent = walked + 1, budget.spent + 1
        if walked > MAX_PATHS or budget.spent > MAX_WALKS:
            raise TooManyPathsError
        here = waiting.pop()
        try:
            result = walk(here)
        except Undecided as question:
            ways = (here.pin(question.address, part) for part in reversed(question.parts))
            waiting += [way for way in ways if way.possible]
        except Refused:
            continue
        else:
            yield here, result

"""The rules of request.yaml as data: of a field, of a group's visibility, of a stage type.

`engine.rules.request` reads them; this module knows only what they say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.errors import Position
from engine.tables.forms import Expression, Step
from engine.values import ABSENT, Absent, Json

__all__ = ["FieldRule", "StageType", "Visibility"]


@dataclass(frozen=True, slots=True)
class FieldRule:
    """How one field is spelled, normalised and filled in.

    `steps` normalise a value that was given; `unset` are values that mean "not given"; `otherwise` derives it from
    other fields when it is not given; `input`: it never reaches a payload, another field is derived from it;
    `draw`: the value that asks the runner to draw a random one; `items`: the rules of a list's items; `neutral`:
    values that ask for nothing, of any back end; `names`: what its values name (`engine.proofs.kinds`);
    `notations`: it is a prompt, in which servers read notations; `tags_to`: the list field that LoRA tags in it are
    items of, for a server that reads none.
    """

    name: str
    at: Position | None = None
    aliases: tuple[str, ...] = ()
    default: Json | Absent = ABSENT
    required: bool = False
    steps: tuple[Step, ...] = ()
    unset: tuple[Json, ...] = ()
    otherwise: Expression | None = None
    input: bool = False
    draw: Json | Absent = ABSENT
    items: Mapping[str, FieldRule] = field(default_factory=dict)
    neutral: tuple[Json, ...] = ()
    names: str | None = None
    notations: bool = False
    tags_to: str | None = None

    @property
    def filled(self) -> list[str]:
        """The members of its items that have a default: a request always holds them."""
        return [name for name, rule in self.items.items() if rule.default is not ABSENT]


@dataclass(frozen=True, slots=True)
class Visibility:
    """When a stage type sees a group.

    `own`: only what the stage's own config says; `switch`: the field that turns the group on (a boolean when true,
    any other field when it is given); `defaults`: whether defaults apply.
    """

    own: bool = False
    switch: str | None = None
    defaults: bool = True


@dataclass(frozen=True, slots=True)
class StageType:
    """One stage type: the groups that it sees, whether it takes pictures, and what its requests always say.

    `toggle` is the field by which hosts switch such stages; `instead` maps fields that do not belong here, and
    aliases that would be ambiguous here, to what a person should write instead.
    """

    name: str
    at: Position
    groups: Mapping[str, Visibility]
    takes_images: bool = False
    toggle: str | None = None
    constants: Mapping[str, Json] = field(default_factory=dict)
    instead: Mapping[str, str] = field(default_factory=dict)

"""What a shell completes: back ends, stages of the plan on the line, fields and their values.

Called by typer for the word that is being typed, with the options before it. Nothing here may fail or complain: a
plan that is not in order yet, or a folder that is not there, gives no words, and the shell then offers files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import typer

from engine.errors import StageEngineError

if TYPE_CHECKING:
    from engine.backends.catalog import Catalog
    from engine.rules.request import RequestRules

__all__ = ["backends", "fields", "settings", "stage_ids", "stages", "tables"]

#: Words, and what a shell that can shows beside each.
Words: TypeAlias = "list[tuple[str, str]]"


def _quietly(find: Callable[[typer.Context, str], Iterable[tuple[str, str]]]) -> Callable[[typer.Context, str], Words]:
    """Those words that go on from what is typed; none where they cannot be found."""

    # Without `wraps`: typer finds what to hand over by the names of the parameters.
    def complete(ctx: typer.Context, incomplete: str) -> Words:
        try:
            return [(word, about) for word, about in find(ctx, incomplete) if word.startswith(incomplete)]
        except (StageEngineError, OSError, LookupError):
            return []

    return complete


@_quietly
def backends(ctx: typer.Context, _: str) -> Iterator[tuple[str, str]]:
    """The names of back ends, those in `--tables` too."""
    catalog = _catalog(ctx)
    default = catalog.default()
    for name in catalog.names():
        yield name, "the default" if name == default else ""


@_quietly
def tables(ctx: typer.Context, _: str) -> Iterator[tuple[str, str]]:
    """`backend/stage`, for every table; a stage type alone for those of the default back end."""
    catalog = _catalog(ctx)
    default = catalog.default()
    for name in catalog.names():
        for stage in catalog.backend(name).stages:
            yield f"{name}/{stage}", ""
            if name == default:
                yield stage, f"{name}/{stage}"


@_quietly
def stage_ids(ctx: typer.Context, _: str) -> Iterator[tuple[str, str]]:
    """The ids of the stages of the plan on the line."""
    yield from _stages(ctx).items()


@_quietly
def stages(ctx: typer.Context, incomplete: str) -> Iterator[tuple[str, str]]:
    """Ids and types of the stages of the plan on the line, after a comma or `..` as well."""
    begin = max((incomplete.rfind(mark) + len(mark) for mark in (",", "..") if mark in incomplete), default=0)
    for word, about in _targets(ctx):
        yield f"{incomplete[:begin]}{word}", about


@_quietly
def settings(ctx: typer.Context, incomplete: str) -> Iterator[tuple[str, str]]:
    """`field=`, `stage.` and, after it, the fields that the stage has; after `=`, what the field can be."""
    rules = _catalog(ctx).rules
    key, sign, _ = incomplete.partition("=")
    if sign:
        schema = rules.schemas[rules.spellings()[key.rpartition(".")[2]]]
        choices = schema.get("enum", ["true", "false"] if schema.get("type") == "boolean" else [])
        for choice in choices if isinstance(choices, list) else []:
            yield f"{key}={choice}", ""
        return
    target, point, _ = incomplete.rpartition(".")
    own = rules.switches.union(*rules.groups.values())
    if point:
        kind = rules.stages[_stages(ctx).get(target, target)]
        seen = (rules.groups[group] for group in kind.groups)
        own = frozenset(v.switch for v in kind.groups.values() if v.switch is not None).union(*seen)
    else:
        for word, about in _targets(ctx):
            yield f"{word}.", about
    for name, about in _described(rules, own):
        yield f"{target}{point}{name}=", about


@_quietly
def fields(ctx: typer.Context, _: str) -> Iterator[tuple[str, str]]:
    """The names of fields."""
    rules = _catalog(ctx).rules
    yield from _described(rules, rules.switches.union(*rules.groups.values()))


def _described(rules: RequestRules, names: frozenset[str]) -> Iterator[tuple[str, str]]:
    """These fields, in the order of fields.json, each with the first sentence about it."""
    for name, schema in rules.schemas.items():
        if name in names:
            yield name, str(schema.get("description", "")).partition(". ")[0]


def _targets(ctx: typer.Context) -> Iterator[tuple[str, str]]:
    """Ids with their types, then types."""
    found = _stages(ctx)
    yield from found.items()
    for kind in dict.fromkeys(found.values()):
        if kind not in found:
            yield kind, "every stage of this type" if list(found.values()).count(kind) > 1 else ""


def _stages(ctx: typer.Context) -> dict[str, str]:
    """The stages of the first plan on the line, ids and types; none where it cannot be read yet."""
    from engine.plan_files import load_plan

    # The option that is being completed has no value yet, and arguments beside it stay where they were.
    plans = [*(ctx.params.get("plans") or ()), *filter(None, [ctx.params.get("plan")]), *ctx.args]
    try:
        file = load_plan(Path(plans[0]), _catalog(ctx))
    except (StageEngineError, LookupError):
        return {}
    return {stage.id: stage.stage_type for stage in file.plan.stages}


def _catalog(ctx: typer.Context) -> Catalog:
    from engine.backends.catalog import Catalog

    return Catalog([Path(folder) for folder in ctx.params.get("tables") or ()])

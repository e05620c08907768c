"""The page docs/backends.md: what each back end can do, as the data says. It is made, and never written by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.backends.catalog import Catalog
from engine.markup import as_markdown
from engine.reference.matrix import BackendSummary, Cannot, summary_of

__all__ = ["backend_reference_text"]

_HEAD = """\
# Back ends

<!-- Made by `stage-engine check --write` from mappings/. Do not edit. -->

What each back end can do, from its tables and its description. What one cannot do is refused before anything is sent,
or left out with a warning where the plan says `options: {on_unsupported: warn}`.
"""


def backend_reference_text(catalog: Catalog) -> str:
    """The page. Raises TableError where a back end is not proven."""
    found = [summary_of(catalog, name) for name in catalog.names()]
    parts = [_HEAD, _stages(catalog, found), *(_backend(one) for one in found)]
    return "\n".join(parts)


def _stages(catalog: Catalog, found: list[BackendSummary]) -> str:
    head = [_row(["Stage type", *(one.name for one in found)]), _row(["---"] * (len(found) + 1))]
    rows = [_row([f"`{stage}`", *(_stage(stage, one) for one in found)]) for stage in catalog.rules.stages]
    return "\n".join((*head, *rows)) + "\n"


def _stage(name: str, backend: BackendSummary) -> str:
    known = next((stage for stage in backend.stages if stage.name == name), None)
    if known is None:
        return "no"
    return "one call a picture" if known.one_by_one else "yes"


def _backend(one: BackendSummary) -> str:
    parts = [f"## {as_markdown(one.title)}\n", f"`--backend {one.name}`\n"]
    if one.asks:
        parts.append(f"A live server is asked for: {', '.join(as_markdown(name) for name in one.asks)}.\n")
    if one.notations is not None:
        known = ", ".join(f"`{name}`" for name in one.notations) or "none"
        parts.append(f"Prompt notations that it understands: {known}.\n")
    if one.cannot:
        parts += ["It cannot do:\n", "\n".join(_limits(one.cannot)) + "\n"]
    return "\n".join(parts)


def _limits(limits: Iterable[Cannot]) -> Iterator[str]:
    """Each reason once, with all that it is the reason of."""
    told: dict[tuple[str, str | None], list[str]] = {}
    for one in limits:
        told.setdefault((one.reason, one.stage), []).append(f"`{one.shown}`")
    for (reason, stage), names in told.items():
        where = "" if stage is None else f" (in `{stage}`)"
        yield f"- {', '.join(names)}{where}: {as_markdown(reason)}"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"

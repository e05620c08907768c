"""`stage-engine probe`: what a live server says that it has, and what it does not tell.

This module prints a description that the client asks for. "Unknown" and "none" are two things, here as everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from engine.backends.server import ServerDescription
from engine.cli.codes import ExitCode
from engine.cli.complaints import complain
from engine.cli.inputs import choose_backend, open_catalog
from engine.cli.interrupt import run_until_pressed
from engine.cli.listing import part, show_line
from engine.cli.output import Output
from engine.client import ApiClient
from engine.proofs.kinds import KINDS

__all__ = ["ProbeOptions", "probe"]

#: So many classes of nodes are named; a server has hundreds.
_SHOWN_NODES = 20


@dataclass(frozen=True, slots=True)
class ProbeOptions:
    """What the command line says."""

    backend: str | None
    url: str
    tables: Sequence[Path]
    as_json: bool


def probe(options: ProbeOptions, output: Output) -> ExitCode:
    """Ask the server and print what it told. Raises as `ApiClient.probe` does, KeyboardInterrupt at Ctrl-C."""
    catalog = open_catalog(options.tables)
    with ApiClient(options.url, backend=choose_backend(catalog, options.backend), catalog=catalog) as client:
        if not client.backend.probe.questions:
            output.note(f"The back end {client.backend.name} does not say what to ask a server.", "yellow")
        server = run_until_pressed(lambda: client.probe(max_age=0))
    complain(output.notes, server.unanswered)
    if options.as_json:
        output.json({"schema_version": 1, **server.to_json()})
    else:
        _show(server, output)
    return ExitCode.OK


def _show(server: ServerDescription, output: Output) -> None:
    show_line(output, [part(server.backend, "bold cyan"), part(f"at {server.url}")])
    for word, told in (("version", server.version), ("checkpoint", server.checkpoint)):
        label = "loaded" if word == "checkpoint" else word
        show_line(output, [_label(label), part(told) if told is not None else _unknown()], hang=14)
    for kind in KINDS:
        entries = server.lists.get(kind)
        names = None if entries is None else [entry.name for entry in entries]
        show_line(output, [_label(kind), *_names(names)], hang=14)
    if server.nodes is not None:
        more = f" and {len(server.nodes) - _SHOWN_NODES} more" if len(server.nodes) > _SHOWN_NODES else ""
        show_line(output, [_label("nodes"), part(f"{', '.join(server.nodes[:_SHOWN_NODES])}{more}")], hang=14)


def _names(names: Sequence[str] | None) -> list[Text]:
    if names is None:
        return [_unknown()]
    return [part(f"({len(names)})", "dim"), part(", ".join(names))] if names else [part("none")]


def _label(word: str) -> Text:
    return part(f"{word:12}", "bold")


def _unknown() -> Text:
    return part("unknown", "dim")

"""The command `preview`: a back end's stand-in on loopback, for people who build a client and have no GPU.

This module says where the server listens and what it speaks, and waits for Ctrl-C. What the server does is its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import typer
from rich.text import Text

from engine.cli.codes import ExitCode
from engine.cli.inputs import choose_backend, open_catalog
from engine.cli.output import Output
from engine.cli.serving import protocol_of
from engine.preview import PROTOCOLS, Answered, Fault, preview_of, read_fault

__all__ = ["PreviewOptions", "serve_preview"]


@dataclass(frozen=True, slots=True)
class PreviewOptions:
    """The command's options. `port` 0 is a free one; `delay` is in seconds; `fail_on` is as it was written."""

    backend: str | None
    port: int
    delay: float
    fail_on: Sequence[str]
    missing: Sequence[str]
    tables: Sequence[Path]
    as_json: bool


def serve_preview(options: PreviewOptions, output: Output) -> ExitCode:
    """Serve until Ctrl-C (or SIGTERM), which is the command's usual end. Raises typer.BadParameter."""
    faults = [_fault(text) for text in options.fail_on]
    catalog = open_catalog(options.tables)
    backend = choose_backend(catalog, options.backend)
    protocol = protocol_of(catalog, backend, "--backend")
    server = preview_of(
        catalog,
        backend,
        port=options.port,
        delay=options.delay,
        faults=faults,
        missing=options.missing,
        on_answer=None if options.as_json else lambda answered: _tell(answered, output),
    )
    with _asked_to_stop() as stop:
        try:
            server.start()
        except OSError as problem:
            message = f"{options.port} cannot be used ({problem.strerror}): name another port, or 0 for a free one."
            raise typer.BadParameter(message, param_hint="--port") from problem
        try:
            _announce(options, output, server.url, backend, protocol)
            # With a timeout, so that signals are heard on Windows too.
            while not stop.wait(0.2):
                pass
        finally:
            server.stop()
    if not options.as_json:
        output.note("Stopped.", "dim")
    return ExitCode.OK


def _tell(answered: Answered, output: Output) -> None:
    """One line for each request that is worth one: polls that go well are not."""
    if answered.method == "GET" and answered.status == 200:
        return
    status = "cut" if answered.status is None else str(answered.status)
    style = "" if answered.status is not None and answered.status < 400 else "yellow"
    output.note(f"{answered.method} {answered.path}  {status}  {answered.seconds:.2f} s", style)


def _fault(text: str) -> Fault:
    try:
        return read_fault(text)
    except ValueError as problem:
        raise typer.BadParameter(str(problem), param_hint="--fail-on") from problem


@contextlib.contextmanager
def _asked_to_stop() -> Iterator[threading.Event]:
    """An event that is set when somebody presses Ctrl-C or ends the process."""
    stop = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = [(number, signal.signal(number, ask)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield stop
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _announce(options: PreviewOptions, output: Output, url: str, backend: str, protocol: str) -> None:
    if options.as_json:
        told = {"schema_version": 1, "address": url, "backend": backend, "protocol": protocol, "pid": os.getpid()}
        output.line(json.dumps(told, sort_keys=True))
        return
    output.shown(Text.assemble(("Preview", "bold"), " of ", (backend, "bold"), " at ", (url, "bold cyan")))
    output.shown(Text(f"It speaks {PROTOCOLS[protocol].title} and draws placeholder pictures. Ctrl-C stops it."))
    if options.delay > 0:
        output.shown(Text(f"Every picture takes {options.delay:g} s more than its drawing."))
    for text in options.fail_on:
        output.shown(Text(f"It will fail on {text}."))

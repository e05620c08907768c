"""How a command ends: the one place where errors become exit codes.

Errors of the engine are told as findings; any other exception is a fault of ours and keeps its traceback, without the
values of variables.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import typer

from engine.cli.codes import ExitCode, code_of_error
from engine.cli.complaints import complain
from engine.cli.output import Output
from engine.errors import StageEngineError

__all__ = ["end"]


def end(command: Callable[[Output], ExitCode], as_json: bool, *, quiet: bool = False) -> NoReturn:
    """Do the command and end with its exit code. Raises typer.Exit."""
    output = Output(quiet=quiet)
    try:
        code = command(output)
    except StageEngineError as problem:
        complain(output.notes, problem.findings)
        if as_json:
            output.json({"schema_version": 1, "error": problem.to_json()})
        code = code_of_error(problem)
    except KeyboardInterrupt:
        code = ExitCode.CANCELLED
    raise typer.Exit(int(code))

"""How `--help` looks: options beside their help where there is room, above it where there is little.

The texts are the commands' own; typer says what there is, and this module lays it out. Its layout does not depend on
typer's, which changes from version to version and cuts names off on a narrow terminal.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import typer
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from typer.core import TyperCommand, TyperGroup

__all__ = ["App"]

#: Where the terminal is narrower, in cells, help stands below what it is about.
_ROOM: Final = 80
#: Longer lines are hard to read.
_WIDEST: Final = 100
#: The longest name of an option, with its value, that stands beside its help.
_NAMES: Final = 26

#: What is shown in a panel: names, and the help in rich's markup.
_Row = tuple[str, str]


class _OwnHelp:
    """A command whose help is laid out here. Mixed into typer's classes, which have the attributes used."""

    def format_help(self, ctx: Any, formatter: object) -> None:  # noqa: ARG002 - typer's formatter knows no colour
        """Print the help. What is written to the formatter would be printed after it: nothing."""
        console = Console(highlight=False, emoji=False)
        console.width = min(console.width, _WIDEST)
        for part in _parts(self, ctx, console.width):
            console.print(part)


class _Command(_OwnHelp, TyperCommand):
    pass


class _Group(_OwnHelp, TyperGroup):
    pass


class App(typer.Typer):
    """A typer app whose commands, and itself, have this help. Groups of commands within it are made of it, too."""

    def __init__(self, **settings: Any) -> None:
        """Take what typer.Typer takes."""
        super().__init__(cls=_Group, **settings)

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Any], Any]:
        """As typer's, with this help."""
        return super().command(name, cls=_Command, **settings)


def _parts(command: Any, ctx: Any, width: int) -> Iterator[RenderableType]:
    yield Text.assemble(("Usage:", "bold"), f" {ctx.command_path} {_usage(command)}\n")
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        yield _marked(" ".join(paragraph.split()) + "\n")
    for heading, rows in _panels(command, ctx).items():
        yield Text(heading, style="bold yellow")
        yield Padding(_beside(rows) if width >= _ROOM else _below(rows), (0, 0, 1, 2), expand=False)
    if command.epilog:
        yield _marked("\n".join(line for line in inspect.cleandoc(command.epilog).splitlines() if line))


def _usage(command: Any) -> str:
    words = ["[OPTIONS]"]
    for param in command.params:
        if param.param_type_name == "argument":
            word = f"{_value_name(param)}{'...' if param.nargs == -1 else ''}"
            words.append(word if param.required else f"[{word}]")
    return " ".join([*words, *(["COMMAND ..."] if isinstance(command, TyperGroup) else [])])


def _panels(command: Any, ctx: Any) -> dict[str, list[_Row]]:
    """Arguments, commands and options under their headings; options that have none come last."""
    arguments, panels, options = list[_Row](), dict[str, list[_Row]](), list[_Row]()
    for param in command.get_params(ctx):
        if getattr(param, "hidden", False):
            continue
        if param.param_type_name == "argument":
            arguments.append((_value_name(param), param.help or ""))
            continue
        names = ", ".join(sorted([*param.opts, *param.secondary_opts], key=len))
        row = (names if param.is_flag else f"{names} {_value_name(param)}", f"{param.help or ''}{_default(param)}")
        panel = getattr(param, "rich_help_panel", None)
        (options if panel is None else panels.setdefault(panel, [])).append(row)
    commands = [
        (name, inspect.cleandoc(inner.help or "").splitlines()[0])
        for name, inner in getattr(command, "commands", {}).items()
        if not inner.hidden
    ]
    found = {"Arguments": arguments, "Commands": commands, **panels, "Options": options}
    return {heading: rows for heading, rows in found.items() if rows}


def _default(param: Any) -> str:
    """What holds where an option is left out; nothing where its help says it, or where that is as good as nothing."""
    said = (param.help or "").endswith("[/]")
    plain = isinstance(param.default, (str, int, float)) and param.default not in (0, "") and not said
    plain = plain and not isinstance(param.default, bool)
    return f" [dim]({escape(str(param.default))})[/]" if plain and param.show_default else ""


def _value_name(param: Any) -> str:
    return str(param.name).upper() if param.metavar is None else str(param.metavar)


def _beside(rows: Iterable[_Row]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(min_width=_NAMES, max_width=_NAMES, overflow="fold")
    table.add_column()
    for names, help_text in rows:
        table.add_row(Text(names, style="bold cyan"), _marked(help_text))
    return table


def _below(rows: Iterable[_Row]) -> Group:
    parts: list[RenderableType] = []
    for names, help_text in rows:
        parts += [Text(names, style="bold cyan"), Padding(_marked(help_text), (0, 0, 0, 4))]
    return Group(*parts)


def _marked(text: str) -> Text:
    return Text.from_markup(text)

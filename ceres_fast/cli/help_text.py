"""How ``--help`` is printed: whole on a screen of any width. The boxes of typer cut what is too wide for them."""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Sequence
from textwrap import TextWrapper
from typing import Any

from typer.core import TyperCommand, TyperGroup

WIDEST = 110
"""Characters of a line; longer ones are hard to read."""

BESIDE = 28
"""Characters that an option has at most where what it does begins beside it, and not below it."""


class Command(TyperCommand):
    """A command whose help is text; names of options and words are never broken."""

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """Write what the command does."""
        _write_text(self, formatter)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write what arguments and options there are, in their groups."""
        _write_parameters(self, ctx, formatter)


class Group(TyperGroup):
    """Commands, and a help that is text."""

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """Write what the commands are for."""
        _write_text(self, formatter)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write what options and commands there are."""
        _write_parameters(self, ctx, formatter)
        # What each does, and not what fits into a line of it.
        rows = [(name, inspect.cleandoc(each.help or "").split("\n\n")[0]) for name, each in self.commands.items()]
        _write_section("Commands", rows, formatter)


def _write_text(command: Any, formatter: Any) -> None:
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        formatter.write("\n" + _wrapped(paragraph, "  ") + "\n")


def _write_parameters(command: Any, context: Any, formatter: Any) -> None:
    groups: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(context):
        kind = "Arguments" if parameter.param_type_name == "argument" else "Options"
        if (row := parameter.get_help_record(context)) is not None:
            groups.setdefault(getattr(parameter, "rich_help_panel", None) or kind, []).append(row)
    for name, rows in groups.items():
        _write_section(name, rows, formatter)


def _write_section(title: str, rows: Sequence[tuple[str, str]], formatter: Any) -> None:
    beside = min(BESIDE, _width() // 3)
    indent = " " * (4 + max((len(name) for name, _ in rows if len(name) <= beside), default=2))
    formatter.write(f"\n{title}:\n")
    for name, text in rows:
        below = len(name) > beside
        lines = _wrapped(text, indent, f"  {name}\n{indent}" if below else f"  {name}".ljust(len(indent)))
        formatter.write(lines.rstrip() + "\n")


def _wrapped(text: str, indent: str, first: str | None = None) -> str:
    """Return a text in lines as wide as the screen; the first one begins in another way."""
    first = indent if first is None else first
    wrapper = TextWrapper(
        _width(), initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return first + wrapper.fill(text).removeprefix(indent)


def _width() -> int:
    return max(min(shutil.get_terminal_size().columns, WIDEST), 20)

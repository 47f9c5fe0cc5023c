"""Command lines in pages and files: those of this project must have the commands and options that it has."""

from __future__ import annotations

import runpy
import shlex
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

import click
from markdown_it import MarkdownIt
from typer.main import get_command

from ceres_fast.cli import app

ROOT = Path(__file__).parents[2]
EDGE = ROOT / "export" / "edge"
_COMMANDS = get_command(app)


def problem(words: Sequence[str]) -> str | None:
    """Return what is wrong with a command line whose first word is its program; None where nothing is."""
    program, *arguments = words
    name = Path(program).name
    if name == "ceres-fast":
        return _of_typer(arguments)
    if name == "classify_new.py":
        return _of_argparse(_edge(), arguments[: [*arguments, "--"].index("--")])
    return None


def _of_typer(arguments: Sequence[str]) -> str | None:
    if arguments == ["--help"] or arguments == ["--version"]:
        return None
    try:
        command: click.Command = _COMMANDS
        while isinstance(command, click.Group):
            name, command, arguments = command.resolve_command(click.Context(command), list(arguments))
        command.make_context(name, list(arguments))
    except click.exceptions.Exit:  # --help
        return None
    except click.ClickException as error:
        return error.format_message()
    return None


def _of_argparse(parser: ArgumentParser, arguments: Sequence[str]) -> str | None:
    said = StringIO()
    try:
        with redirect_stderr(said):
            parser.parse_args(arguments)
    except SystemExit as error:
        return said.getvalue() if error.code else None
    return None


def _edge() -> ArgumentParser:
    sys.path.insert(0, str(EDGE))
    try:
        return runpy.run_path(str(EDGE / "classify_new.py"))["parser"]()
    finally:
        sys.path.remove(str(EDGE))


def shell_lines(page: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of the shell in the code blocks of a page, with their numbers; continued ones are joined."""
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type not in ("code_block", "fence") or token.info.strip() not in ("", "sh"):
            continue
        lines = iter(enumerate(token.content.splitlines(), token.map[0] + 1 + (token.type == "fence")))
        for number, line in lines:
            while line.endswith("\\"):
                line = line[:-1] + next(lines)[1].strip()
            yield number, line


def commands(line: str) -> Iterator[list[str]]:
    """Yield the command lines of this project in a line of the shell, also after && or as a container's."""
    if not line.strip() or line.lstrip().startswith(("#", "└")):
        return
    try:
        words = shlex.split(line, comments=True)
    except ValueError:
        return
    starts = [number for number, word in enumerate(words) if Path(word).name in ("ceres-fast", "classify_new.py")]
    for start in starts:
        ends = [number for number in range(start, len(words)) if words[number] in ("&&", "||", ";", "|", ">", "&")]
        yield words[start : min(ends, default=len(words))]

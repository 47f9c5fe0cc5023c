"""Command lines in pages and files: those of this project must have the commands and options that it has."""

from __future__ import annotations

import re
import shlex
import shutil
import sysconfig
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import typer
from markdown_it import MarkdownIt
from typer.main import get_command

from ceres_fast.cli import app
from ceres_fast.errors import CeresFastError

ROOT = Path(__file__).parents[2]
USAGE_ERROR = typer.BadParameter.__base__  # typer does not say which click it has it from
SEPARATORS = ("&&", "||", "|", ">", "&", ";")
_COMMANDS = get_command(app)


def problem(words: Sequence[str]) -> str | None:
    """Return what is wrong with a command line whose first word is its program; None where nothing is."""
    program, *arguments = words
    if Path(program).name != "ceres-fast":
        return None
    if arguments == ["--help"] or arguments == ["--version"]:
        return None
    command, name = _COMMANDS, "ceres-fast"
    try:
        while hasattr(command, "resolve_command"):
            name, command, arguments = command.resolve_command(typer.Context(command), list(arguments))
        command.make_context(name, list(arguments))
    except typer.Exit:  # --help
        return None
    except CeresFastError:  # it wants to read a file that is not here
        return None
    except USAGE_ERROR as error:
        return error.format_message()
    return None


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
    """Yield the command lines of this project in a line of the shell, without what is explained behind two spaces."""
    if line.lstrip().startswith("#"):
        return
    try:
        words = shlex.split(re.split(r"\s{2,}", line.strip())[0], comments=True)
    except ValueError:  # a part of a longer command
        return
    for separates, group in groupby(words, key=lambda word: word in SEPARATORS):
        each = list(group)
        if not separates and Path(each[0]).name == "ceres-fast":
            yield each


def program(name: str) -> str | None:
    """Return where a program is, which may come with a package of this Python's environment; None where it is not."""
    return shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)

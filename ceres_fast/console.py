"""What the commands print: one console, one kind of table, one kind of progress bar.

Printing never fails. A screen that cannot show a character gets another one; a pipe that nobody reads any more, or a
full disk, costs what was to be printed there, and nothing else: it decides neither the exit status nor what is written.
"""

from __future__ import annotations

import codecs
import io
import math
import os
import sys
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from textwrap import TextWrapper
from typing import TYPE_CHECKING, Any, TextIO, TypeVar, cast

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .file_names import in_one_line, printable

if TYPE_CHECKING:
    from rich.progress import Progress

PLAIN = {"≥": ">=", "≤": "<=", "−": "-", "–": "-", "—": "-", "±": "+-", "×": "x", "·": ".", "→": "->", "»": ">>"}
"""What is shown for characters that a screen lacks, where Unicode itself does not say it (as "..." for "…")."""

_SHOWABLE = "ceres_fast.showable"


def _showable(error: UnicodeError) -> tuple[str, int]:
    """Return what is printed for characters that cannot be encoded: as plain as they go, "?" where nothing does."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    plain = unicodedata.normalize("NFKD", "".join(PLAIN.get(character, character) for character in text))
    shown = (character if character.isascii() else "?" for character in plain if not unicodedata.combining(character))
    return "".join(shown), error.end


codecs.register_error(_SHOWABLE, _showable)


class Unfailing:
    """A stream, asked for anew whenever something is printed, of which writing and flushing never fail."""

    def __init__(self, stream: Callable[[], TextIO | None]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write what the stream can show of a text."""
        if stream := self._now():
            encoding = getattr(stream, "encoding", None) or "utf-8"
            with suppress(OSError, ValueError):  # the latter of a stream that is closed
                stream.write(text.encode(encoding, _SHOWABLE).decode(encoding))
        return len(text)

    def flush(self) -> None:
        """Flush the stream, if it can be."""
        if stream := self._now():
            with suppress(OSError, ValueError):
                stream.flush()

    def isatty(self) -> bool:
        """Tell whether somebody looks on."""
        stream = self._now()
        return stream is not None and not stream.closed and stream.isatty()

    def _now(self) -> TextIO | None:
        stream = self._stream()
        # A progress bar puts something in front of the stream that prints on a console, which would print here again.
        return getattr(stream, "rich_proxied_file", stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._now(), name)


class _Forgiving(io.FileIO):
    """A file of which writing never fails: what it does not take is lost."""

    def write(self, data: Any) -> int:
        with suppress(OSError):
            taken = super().write(data)
            if taken is not None:  # None: a pipe that does not wait, and is full
                return taken
        return memoryview(data).nbytes


def guard_output() -> None:
    """Make sure, at the start of a program, that nothing it prints, in whatever way, decides how it ends.

    That holds for what others print in this process, too: bars, logs, warnings, tracebacks, messages about options, and
    what Python itself writes when it ends. Streams that somebody has put in the place of Python's own are left alone.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:  # closed; the next file that is opened would get its number, and what is printed
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for descriptor, name in enumerate(("stdout", "stderr"), 1):
        stream = getattr(sys, name)
        if stream is not getattr(sys, f"__{name}__"):
            continue
        if stream is None:  # Python has found it closed; something else may have got its number since
            raw = _Forgiving(os.devnull, "w")
        else:
            raw = _Forgiving(descriptor, "w", closefd=False)
            with suppress(OSError, ValueError):
                stream.flush()
        at_once = getattr(stream, "write_through", False)
        guarded = io.TextIOWrapper(
            raw if at_once else io.BufferedWriter(raw),
            encoding=getattr(stream, "encoding", "utf-8"),
            errors=_SHOWABLE,
            newline="\n",
            line_buffering=getattr(stream, "line_buffering", True),
            write_through=at_once,
        )
        setattr(sys, name, guarded)
        setattr(sys, f"__{name}__", guarded)


def names_in_utf8() -> None:
    """Make sure, at the start of a program, that names of files are UTF-8, whatever the locale is.

    A locale without UTF-8 (``LC_ALL=C`` with ``PYTHONUTF8=0``, ``en_US.ISO-8859-1``) would have Python read the bytes
    of a name as other letters than they are, which HDF5, TensorFlow and ONNX Runtime write as UTF-8 again: they would
    look for another file, and other names would stand in records. Python decides that when it starts, so it is started
    again, in its UTF-8 mode. The terminal keeps the encoding that it has.
    """
    if sys.getfilesystemencoding() == "utf-8" or "utf8" in sys._xoptions or not sys.executable:
        return
    if sys.stdout is not None:
        os.environ.setdefault("PYTHONIOENCODING", sys.stdout.encoding)
    with suppress(OSError):  # then it goes on as it is
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def _console(name: str) -> Console:
    # No markup and no emoji: a path may hold [brackets] and :colons:.
    stream = cast(TextIO, Unfailing(lambda: getattr(sys, name)))
    return Console(file=stream, highlight=False, soft_wrap=True, markup=False, emoji=False)


console, errors = _console("stdout"), _console("stderr")

_FRAME = 3
"""Characters of a table's frame and margins beside each column."""

Item = TypeVar("Item")

_kept: ContextVar[list[str] | None] = ContextVar("_kept", default=None)


def say(message: str, style: str | None = None) -> None:
    """Print a line (or several) on standard output."""
    console.print(printable(message), style=style)


class _Once(str):
    """A warning of a kind that is printed once; it keeps its kind on the way from a worker."""

    kind: str


_printed: set[str] = set()
"""The kinds of warnings that were printed."""


def warn(message: str) -> None:
    """Print a warning on standard error, or keep it where `warnings_kept` asks for that."""
    if (kept := _kept.get()) is not None:
        kept.append(message)
        return
    if isinstance(message, _Once):
        if message.kind in _printed:
            return
        _printed.add(message.kind)
    errors.print(Text("warning: ", "bold yellow") + Text(printable(message)))


def warn_once(kind: str, message: str) -> None:
    """Warn of the first input that is odd in a way that many may be; the message names it.

    Where warnings are kept, each block keeps one of a kind, whatever others have said: it may become part of an account
    of the block, and must not depend on which process was the first.
    """
    kept = _kept.get()
    if kept is not None and any(isinstance(other, _Once) and other.kind == kind for other in kept):
        return
    once = _Once(message)
    once.kind = kind
    warn(once)


def say_error(message: str) -> None:
    """Print on standard error what ends a command."""
    errors.print(printable(f"error: {message}"), style="red")


@contextmanager
def warnings_kept() -> Iterator[list[str]]:
    """Collect the warnings of a block instead of printing them: those of a worker are printed elsewhere, once."""
    kept: list[str] = []
    token = _kept.set(kept)
    try:
        yield kept
    finally:
        _kept.reset(token)


def bytes_text(count: int) -> str:
    """Return a number of bytes as people read it: in MB, or from 1 GB on in GB."""
    return f"{count / 1e9:,.2f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, texts: Collection[str] = ()) -> None:
    """Print a table; the first column and those of `texts` are left-aligned, the others, of numbers, right-aligned.

    In a file or a pipe it is as wide as it needs. Where a screen is too narrow, cells are broken at spaces, and where
    that is not enough, rows become paragraphs of "heading: cell". No word and no number is cut: Rich would do that, and
    the name of a backbone could not be read.
    """
    cells = [[in_one_line(str(cell)) for cell in column] for column in zip(columns, *rows, strict=True)]
    room, frame = _room(), 1 + _FRAME * len(cells)
    widths = _widths(cells, room - frame)
    if sum(widths) + frame > room:
        console.print("\n".join([in_one_line(title), *_turned(cells, room)]))
        return
    drawn = Table(title=in_one_line(title), title_justify="left", width=sum(widths) + frame)
    for number, (column, width) in enumerate(zip(columns, widths, strict=True)):
        drawn.add_column(column, justify="right" if number and column not in texts else "left", width=width)
    for row in zip(*(column[1:] for column in cells), strict=True):
        drawn.add_row(*row)
    console.print(drawn)


def _room() -> int:
    """Return how wide a table may be: as the screen, or what COLUMNS says; a file or a pipe has room for any."""
    said = os.environ.get("COLUMNS", "")
    limited = console.is_terminal or (said.isdecimal() and int(said) > 0)
    return console.width if limited else sys.maxsize


def _turned(columns: Sequence[Sequence[str]], room: int) -> Iterator[str]:
    """Yield lines for a table that has no room: for each row its first cell, and below it what else it has."""
    (_, *headings), *rows = zip(*columns, strict=True)
    lines = TextWrapper(
        max(room, 1), initial_indent="  ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
    for first, *others in rows:
        if len(headings) == 1:
            yield f"{first}: {others[0]}" if first else f"  {others[0]}"
            continue
        yield from [first] if first else []  # else it goes on with the row before
        named = (f"{heading}: {cell}" for heading, cell in zip(headings, others, strict=True) if cell)
        yield from lines.wrap("; ".join(named))


def _widths(columns: Sequence[Sequence[str]], room: int) -> list[int]:
    """Return the width of each column of texts: that of its longest word at least, and more where there is room."""
    widths = [max(cell_len(word) for text in column for word in text.split() or [""]) for column in columns]
    wanted = [max(map(cell_len, column)) for column in columns]
    while sum(widths) < min(room, sum(wanted)):
        # One character for each column that is too narrow, in turn: columns that are alike become equally wide.
        narrow = [number for number, width in enumerate(widths) if width < wanted[number]]
        for number in narrow[: room - sum(widths)]:
            widths[number] += 1
    return widths


def track(items: Sequence[Item], description: str) -> Iterator[Item]:
    """Iterate over `items` with a progress bar (drawn on a terminal only)."""
    with progress() as bar:
        yield from bar.track(items, description=description)


def progress() -> Progress:
    """Return a progress bar with a count and the time left.

    The speed is the mean over the last 1,000 steps that were reported. Rich would take those of the last 30 s, and
    never say how much time is left where a step takes longer than that.
    """
    # Imported here: `ceres-fast --help` draws no bar, and is to be there at once.
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(30),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=errors if errors.is_terminal else Console(quiet=True),  # Rich < 15 ends a bar that is off by a line
        transient=True,
        disable=not errors.is_terminal,
        speed_estimate_period=math.inf,
    )

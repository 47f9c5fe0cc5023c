"""What `ceres-fast train` keeps of frozen layers: see it, delete it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .help_text import Command, Group

app = typer.Typer(
    help="See and delete what frozen layers make of stamps, which training keeps.", no_args_is_help=True, cls=Group
)

CACHE = Path("cache")
CacheDir = Annotated[Path, typer.Option(help="Folder of the cache.", metavar="DIR")]


@app.command("ls", cls=Command)
def ls(cache_dir: CacheDir = CACHE) -> None:
    """List what is in the cache, the entry used last first."""
    from ..console import bytes_text, say
    from ..training.prefix_cache.listing import entries

    found = entries(cache_dir)
    if not found:
        say(f"nothing in {cache_dir}")
        return
    for entry in found:
        variants = f" x {entry.variants}" if entry.variants > 1 else ""
        say(f"{entry.key}  {bytes_text(entry.bytes)}{'' if entry.whole else ', not whole'}")
        say(f"    {entry.backbone} up to {entry.cut}, {entry.dtype}; {entry.stamps:,}{variants} stamps, {entry.split}")
        say(f"    records {entry.records}; last used {entry.last_used:%Y-%m-%d %H:%M} UTC")
    say(f"{bytes_text(sum(entry.bytes for entry in found))} in {cache_dir}")


@app.command("clear", cls=Command)
def clear(
    keys: Annotated[
        list[str] | None, typer.Argument(metavar="KEY", help="Entries to delete, as `ceres-fast cache ls` names them.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Delete all entries.")] = False,
    cache_dir: CacheDir = CACHE,
) -> None:
    """Delete entries of the cache, but none that a process uses; they are computed again when they are needed."""
    from ..console import bytes_text, say
    from ..training.prefix_cache.listing import clear

    if bool(keys) == everything:
        raise typer.BadParameter("expected keys of entries, or --all.", param_hint="KEY")
    deleted = clear(cache_dir, None if everything else keys)
    say(f"deleted {len(deleted)} entries of {cache_dir}: {bytes_text(sum(entry.bytes for entry in deleted))}")

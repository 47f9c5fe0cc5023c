"""The command that trains a classifier."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from ..machine.cores import compute_with
from ..settings.architecture import AGAIN, DATA, PANELS, SPEED
from ..settings.defaults import DEFAULTS, with_defaults
from ..settings.option import only
from ..settings.records import RecordsOptions
from ..settings.shared import Shared
from ..settings.training import OPTIONS
from .from_settings import as_words, from_settings, given, in_panel

SHOWN = {
    name: replace(option, default=DEFAULTS[OPTIONS["backbone"].default].get(name, option.default))
    for name, option in OPTIONS.items()
}
"""The options with the defaults of the network that is trained without any, which are those that the help shows."""


def _read_file(context: typer.Context, config: Path | None) -> Path | None:
    """Make what a configuration file says the defaults of all options."""
    if config is not None and not context.resilient_parsing:
        from ..training.config import read_config

        context.default_map = as_words(OPTIONS, read_config(config))
    return config


@from_settings(
    options=SHOWN,
    computing=in_panel(SPEED, only(Shared, "threads")),
    spread=in_panel(AGAIN, only(RecordsOptions, "scheduler")),
    panels=PANELS,
)
def train(
    context: typer.Context,
    options: dict[str, Any],
    computing: dict[str, Any],
    spread: dict[str, Any],
    run: Annotated[
        Path | None,
        typer.Option(
            help="The run's directory; without it runs/<time>-<backbone>-experiment<n>.",
            metavar="DIR",
            rich_help_panel=DATA,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="Options from a TOML file, such as the config.toml of a run; the command line overrides it.",
            metavar="FILE",
            rich_help_panel=AGAIN,
            is_eager=True,
            callback=_read_file,
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            help="Go on with a run, or several, that were stopped; nothing else is given, but --records that moved.",
            metavar="RUN",
            rich_help_panel=AGAIN,
        ),
    ] = None,
) -> None:
    """Train a classifier on records and leave a run directory; then evaluate it on the validation split."""
    compute_with(**computing)
    from ..artifact.latest import resolve
    from ..evaluation.evaluate import evaluate
    from ..training.config import RunConfig
    from ..training.series import is_series, train_series
    from ..training.start import INHERITED, inherit_settings
    from ..training.train import train

    named = given(context)
    # What `latest` names is looked up once: the run is read several times, and `latest` may name another one by then.
    if resume is not None:
        _resume(resolve(resume), options["records"] if "records" in named else None, named, spread["scheduler"])
        return
    options = {name: value if name in named else OPTIONS[name].default for name, value in options.items()}
    if options["start_from"] is not None:
        options["start_from"] = str(resolve(Path(options["start_from"])))
        options = inherit_settings(options, named)
        named |= set(INHERITED)
    options = with_defaults(options, named)
    if is_series(options):
        train_series(options, run, **spread)
        return
    if spread["scheduler"]:
        raise typer.BadParameter(
            "one run is trained here: give it with --seeds or --backbone all.", param_hint="--scheduler"
        )
    whole = RunConfig.of(options)
    made = train(whole.records, whole.settings, run, on_error=whole.on_error)
    evaluate(made, whole.records, split="validation", on_error=whole.on_error)


def _resume(run: Path, records: Path | None, named: set[str], scheduler: str | None) -> None:
    from ..evaluation.evaluate import evaluate
    from ..training.config import RunConfig, is_of_series
    from ..training.series import resume_series
    from ..training.train import resume

    if others := named - {"resume", "records", "threads", "scheduler"}:
        flags = [OPTIONS[name].flag if name in OPTIONS else f"--{name}" for name in sorted(others)]
        raise typer.BadParameter(f"a run goes on as it began: leave out {', '.join(flags)}.", param_hint="--resume")
    if is_of_series(run):
        resume_series(run, records, scheduler)
        return
    made = resume(run, records)
    began = RunConfig.read(made)
    evaluate(made, began.records, split="validation", on_error=began.on_error)

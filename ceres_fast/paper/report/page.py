"""The report of a folder of experiments: its sections in their order, and the files it is written to."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from markupsafe import Markup

from ...evaluation.formatting import html_templates, markdown_templates, seconds
from ...files import atomic_file, write_text
from ...stamps import CLASSES
from ..published import FROM_MATRICES
from . import pictures, run_tables, tables
from .cells import RANDOM, Table, finished
from .pictures import Picture, example_stamps
from .results import EXPERIMENTS_FILE, Results, Row, read_results

_LOSSES = (
    "The training loss weighs the classes alike where class weights are on, the validation loss does not: compare each "
    "with itself."
)

PACKAGE = "ceres_fast.paper.report"
REPORT = "report"
INDEX = "index.html"

_OF_CLASS = ("precision", "recall", "f1")
_OF_RUN = ("backbone", "experiment", "seed", "weights", "run", "finished", "seconds", "prefix_seconds", "epochs")
_OF_POINT = ("threshold", "max_loss", "confidence", "needs", "asteroids", "lost", "left_per_1000")


@dataclass(frozen=True)
class Section:
    """A heading (with the name that links lead to), a sentence, and the tables and pictures under it."""

    name: str
    title: str
    text: str = ""
    tables: list[Table] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)


@dataclass(frozen=True)
class Page:
    """The report.

    Attributes
    ----------
    title : str
        Of the page.
    summary : list of str
        Sentences at its head.
    warnings : list of str
        What must be known before any number is read.
    sections : list of Section
    version : str
        Of ceres-fast.
    """

    title: str
    summary: list[str]
    warnings: list[str]
    sections: list[Section]
    version: str

    @property
    def pictures(self) -> list[Picture]:
        """All pictures."""
        return [picture for section in self.sections for picture in section.pictures]


def build_page(results: Results, out: Path) -> Page:
    """Return the report of the experiments in the folder `out`."""
    return Page(
        title=f"Experiments on the records “{results.records['name']}”",
        summary=_summary(results),
        warnings=_warnings(results),
        sections=[section for section in _sections(results, out) if section.tables or section.pictures],
        version=results.version,
    )


def _sections(results: Results, out: Path) -> list[Section]:
    drawn = (pictures.confusion_matrices(results), pictures.asteroids_found(results))
    confusion, found = ([picture] if picture else [] for picture in drawn)
    return [
        Section("glance", "At a glance", tables=[tables.overview(results)]),
        Section(
            "run",
            "What was run",
            f"Records {results.records['name']}, SHA-256 of their manifest "
            f"{results.records.get('manifest_sha256', 'not known')}.",
            [
                run_tables.records_table(results),
                run_tables.runs_table(results, out),
                run_tables.settings_table("Settings of all runs", results.settings),
                run_tables.settings_table("Machine", results.machine),
                *run_tables.software_table(results, out),
            ],
        ),
        Section("examples", "Example stamps", "As the paper's Figures 4 and 5.", pictures=example_stamps(results, out)),
        Section(
            "tables",
            "The paper's tables",
            f"As the paper's Tables 2 to 9: two for each backbone, with what it published beside. {FROM_MATRICES}",
            tables.paper_tables(results),
        ),
        Section("confusion", "Confusion matrices", "As the paper's Figure 6.", pictures=confusion),
        Section("asteroids", "Correct and incorrect asteroids", "As the paper's Figure 7.", pictures=found),
        Section("areas", "With intervals", "What the paper does not have.", [tables.areas(results)]),
        Section(
            "points",
            "Operating points",
            "A threshold chosen by the share of asteroids one accepts to lose, with its confidence, instead of 0.5.",
            [run_tables.points_table(results)],
        ),
        Section("reliability", "Reliability", tables=[run_tables.reliability_table(results)]),
        Section("curves", "Learning curves", _LOSSES, pictures=pictures.learning_curves(results)),
    ]


def _summary(results: Results) -> list[str]:
    done, failed = len(finished(results.rows)), sum(row.problem is not None for row in results.rows)
    text = f"{done} of {len(results.rows)} runs are finished"
    text += f", {failed} failed" if failed else ""
    return [f"{text}; {seconds(results.seconds)} in all, with ceres-fast {results.version}."]


def _warnings(results: Results) -> list[str]:
    random = sum(row.random for row in results.rows)
    found = []
    if random:
        which = "All runs" if random == len(results.rows) else f"{random} of {len(results.rows)} runs"
        found.append(
            f"{which} began with {RANDOM}, not with ImageNet's: this is not what the paper did, and says nothing of "
            "how good its networks are."
        )
    if len(finished(results.rows)) < len(results.rows):
        found.append("Not all runs are finished: the command that began them goes on with them when it is given again.")
    return found


def write_report(out: Path) -> Path:
    """Write the report of the experiments in a folder, as far as they have come.

    Parameters
    ----------
    out : pathlib.Path
        Folder of the experiments, with its ``experiments.json``. Into ``report`` go ``index.html`` (whole in itself:
        pictures are in it, nothing is fetched), the same as ``report.md`` with its pictures beside, and
        ``experiments.csv``, a line per run. Each file is written whole or not at all.

    Returns
    -------
    pathlib.Path
        ``index.html``.

    Raises
    ------
    InputError
        When ``experiments.json`` is missing or a value in it is not what it may be. Records that are not there any more
        cost the example stamps, no more.
    """
    results = read_results(out / EXPERIMENTS_FILE)
    page = build_page(results, out)
    folder = out / REPORT
    for picture in page.pictures:
        with atomic_file(folder / picture.name) as temporary:
            temporary.write_bytes(picture.png)
    write_text(folder / "report.md", as_markdown(page))
    write_text(folder / "experiments.csv", as_csv(results))
    write_text(folder / INDEX, as_html(page))
    return folder / INDEX


def as_html(page: Page) -> str:
    """Return the report as one HTML page."""
    templates = html_templates(PACKAGE)
    return _unicode(templates.get_template("index.html.j2").render(page=page, data_uri=_data_uri))


def as_markdown(page: Page) -> str:
    """Return the report as Markdown; its pictures are files beside it."""
    return _unicode(markdown_templates(PACKAGE).get_template("report.md.j2").render(page=page))


def as_csv(results: Results) -> str:
    """Return a line per run with its numbers; what is not known is empty."""
    lines = [_flat(row) for row in results.rows]
    stream = io.StringIO()
    names = dict.fromkeys(name for line in lines for name in line)
    writer = csv.DictWriter(stream, fieldnames=list(names), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return _unicode(stream.getvalue())


def _flat(row: Row) -> dict[str, Any]:
    line = {name: getattr(row, name) for name in (*_OF_RUN, "best_epoch", "stamps_per_second")}
    if row.finished:
        line |= {name: row.test[name] for name in ("accuracy", "loss")}
        line |= {f"{name}_{metric}": row.test["classes"][name][metric] for name in CLASSES for metric in _OF_CLASS}
        line |= dict(zip(("tn", "fp", "fn", "tp"), chain(*row.test["confusion"]), strict=True))
    if row.operating_point:
        point: Mapping[str, Any] = row.operating_point
        line |= {f"point_{name}": point[name] for name in _OF_POINT}
    if row.test_at_point:
        line |= {f"test_{name}": row.test_at_point.get(name) for name in ("asteroids", "lost", "left_per_1000")}
    return line


def _unicode(text: str) -> str:
    # JSON can hold half of a surrogate pair, which no file of text can.
    return text.encode("utf-8", "replace").decode("utf-8")


def _data_uri(picture: Picture) -> Markup:
    return Markup(f"data:image/png;base64,{base64.b64encode(picture.png).decode()}")

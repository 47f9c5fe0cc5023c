"""The report's content, in its order: sections of tables and pictures, and what is said at its head."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ...evaluation.formatting import seconds
from . import pictures, run_tables, tables
from .cells import RANDOM, Table, finished
from .examples import example_stamps
from .paper import FROM_MATRICES
from .pictures import Picture
from .results import Results


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


_LOSSES = (
    "The training loss weighs the classes alike where class weights are on, the validation loss does not: compare each "
    "with itself."
)


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

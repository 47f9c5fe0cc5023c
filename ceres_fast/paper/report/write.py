"""Write the report of a folder of experiments."""

from __future__ import annotations

import base64
import csv
import io
from itertools import chain
from pathlib import Path
from typing import Any

from markupsafe import Markup

from ...evaluation.formatting import html_templates, markdown_templates
from ...files import atomic_file, write_text
from ...stamps import CLASSES
from .page import Page, build_page
from .pictures import Picture
from .results import EXPERIMENTS_FILE, Results, Row, read_results

PACKAGE = "ceres_fast.paper.report"
REPORT = "report"
INDEX = "index.html"

_OF_CLASS = ("precision", "recall", "f1")
_OF_RUN = ("backbone", "experiment", "seed", "weights", "run", "finished", "seconds", "prefix_seconds", "epochs")
_OF_POINT = ("threshold", "max_loss", "confidence", "needs", "asteroids", "lost", "left_per_1000")


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
        line |= {f"point_{name}": row.operating_point[name] for name in _OF_POINT}
    if row.test_at_point:
        line |= {f"test_{name}": row.test_at_point.get(name) for name in ("asteroids", "lost", "left_per_1000")}
    return line


def _unicode(text: str) -> str:
    # JSON can hold half of a surrogate pair, which no file of text can.
    return text.encode("utf-8", "replace").decode("utf-8")


def _data_uri(picture: Picture) -> Markup:
    return Markup(f"data:image/png;base64,{base64.b64encode(picture.png).decode()}")

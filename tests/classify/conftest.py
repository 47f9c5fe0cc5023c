"""What tests of classifying share: where they put a night and its tables, a classifier, and reading tables."""

from pathlib import Path

import pytest
from astropy.table import Table

from ceres_fast.catalogues import read_catalogue
from ceres_fast.classify import Result, classify
from ceres_fast.selection.rules import Rules
from ceres_fast.settings.classifier import TableFormat

from ..tiny_models import classifier, peak_model, written

RULES = Rules().as_dict()
KEEP_ALL = Rules(remove_stationary=False).as_dict()


@pytest.fixture
def night(tmp_path: Path) -> Path:
    return tmp_path / "night"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "classified"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A classifier to which bright sources are asteroids, trained by this version's rules."""
    folder = tmp_path / "model"
    folder.mkdir()
    return written(folder, peak_model(classifier_json=classifier(rules=RULES).to_json()))


def table_of(path: Path) -> Table:
    """Return a table of detections that was written."""
    return read_catalogue(path).table


def place(out: Path, frame: Path) -> Path:
    """Return where the table of a frame is written."""
    return out / frame.parent.parent.name / "sextractor_cat" / f"{frame.stem}.cat"


def skipped(inputs: list[Path], model: Path, out: Path, table_format: TableFormat | None = None) -> Result:
    """Classify, and pass on what cannot be classified."""
    return classify(inputs, model, output=out, on_error="skip", format=table_format)

"""Filtered catalogues in their own format and name."""

from pathlib import Path

import numpy as np
import pytest

from ceres_fast.catalogues import FORMATS, read_catalogue
from ceres_fast.errors import InputError
from ceres_fast.night.detections import read_night
from ceres_fast.night.writers import write_outputs

from .files import LEFT_OUT, classified

PLACE = Path("F0001") / "sextractor_cat" / "F0001-2.cat"


def written(out: Path) -> Path:
    files = write_outputs(read_night(out), ["crossobject"], out / "outputs")
    assert [path.name for path in files] == ["F0001-1.cat", "F0001-2.cat", "F0001-3.cat"]
    return out / "outputs" / "crossobject" / PLACE


@pytest.mark.parametrize("table_format", sorted(FORMATS))
def test_a_catalogue_is_as_it_was_without_the_rows_that_were_left_out(table_format: str, tmp_path: Path) -> None:
    made = read_catalogue(written(classified(tmp_path, table_format=table_format)))
    source = read_catalogue(tmp_path / "night" / PLACE)
    assert (made.format, made.table.colnames) == (source.format, source.table.colnames)
    assert made.table.pformat(-1, -1) == source.table[~np.array(LEFT_OUT)].pformat(-1, -1)


def test_nothing_left_out_leaves_the_bytes(tmp_path: Path) -> None:
    made = written(classified(tmp_path, drop=False))
    assert made.read_bytes() == (tmp_path / "night" / PLACE).read_bytes()


def test_an_accepted_tracklet_comes_back(tmp_path: Path) -> None:
    night = read_night(classified(tmp_path, left_out=[False, True, False, False, True]))
    rows = night.detections[night.detections["tracklet"] != ""]
    rows["tracklet", "mjd", "ra", "dec"].write(tmp_path / "decisions.ecsv", format="ascii.ecsv")
    write_outputs(night, ["crossobject"], tmp_path / "to", decisions=tmp_path / "decisions.ecsv")
    table = read_catalogue(tmp_path / "to" / "crossobject" / PLACE).table
    assert table["NUMBER"].tolist() == [1, 3, 4, 5]


def test_a_catalogue_that_changed_since_is_refused(tmp_path: Path) -> None:
    out = classified(tmp_path)
    source = tmp_path / "night" / PLACE
    source.write_text("".join(source.read_text().splitlines(keepends=True)[:-3]))
    with pytest.raises(InputError, match="has not all of the rows"):
        written(out)
    source.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        write_outputs(read_night(out), ["crossobject"], tmp_path / "to")


def test_a_catalogue_that_is_gone_is_said_where_nothing_was_left_out(tmp_path: Path) -> None:
    out = classified(tmp_path, drop=False)
    (tmp_path / "night" / PLACE).unlink()
    with pytest.raises(InputError, match="not there any more"):
        written(out)

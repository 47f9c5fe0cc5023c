"""From packets to stamp tables: every alert is accounted for, in files and archives alike."""

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table, vstack

from ceres_fast.alerts import COUNTS, alert_tables, alert_units
from ceres_fast.errors import InputError
from ceres_fast.stamps import CENTRE, COLUMNS, PLANES, stamp_shape
from ceres_fast.truth.designations import canonical

from ..alert_files import (
    ASTEROID,
    BOGUS,
    CANDID,
    EPHEMERIS,
    RUBIN_SCHEMA,
    STATIONARY,
    avro,
    fits_bytes,
    image,
    message,
    rubin,
    tar_of,
    write_folder,
    ztf,
)

NIGHT = (
    [ztf(number, **ASTEROID) for number in range(3)]
    + [ztf(10 + number, **BOGUS) for number in range(2)]
    + [ztf(20 + number, fid=2, **STATIONARY) for number in range(2)]
    + [ztf(30), ztf(31, **ASTEROID | {"ssdistnr": 5.0}), ztf(32, **ASTEROID | {"isdiffpos": "f"})]
)


@pytest.fixture
def night(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "night", NIGHT)


def read(path: Path, chunk: int = 2048, units: int = 2048, **options: Any) -> tuple[Table, Counter[str]]:
    """Return all tables of a source as one, and the sum of their counts, whose own sums are checked."""
    counts: Counter[str] = Counter()
    tables = []
    for unit in alert_units(path, units):
        for table, happened in alert_tables(unit, chunk=chunk, **options):
            assert len(table) <= chunk
            tables.append(table)
            counts += happened
    table = vstack(tables, metadata_conflicts="error")
    assert counts.keys() <= COUNTS.keys()
    aside = sum(count for name, count in counts.items() if name.startswith("set_aside_"))
    left_out = counts["not_selected"] + counts["bad_alerts"] + counts["few_pixels"]
    assert counts["alerts"] == len(table) + aside + left_out
    assert len(table) == counts["asteroid"] + counts["non_asteroid"]
    assert counts["asteroid"] == (table["label"] == 1).sum()
    assert counts["non_asteroid"] == counts["bogus"] + counts["stationary"]
    return table, counts


def same(one: Table, other: Table, *, without: str = "source") -> bool:
    return all(
        np.array_equal(one[name], other[name], equal_nan=one[name].dtype.kind == "f")
        for name in one.colnames
        if name != without
    )


def test_what_is_in_the_table(night: Path) -> None:
    table, counts = read(night)
    assert table.colnames == ["stamp", *(column.name for column in COLUMNS)]
    assert table["stamp"].shape == (7, 32, 32, 1)
    assert table["label"].tolist() == [1, 1, 1, 0, 0, 0, 0]
    assert table["designation"].tolist() == ["111678"] * 3 + [""] * 4
    assert table["source"][0] == f"{CANDID}.avro"
    assert set(table["row"]) == {1}
    assert table["filter"].tolist() == ["g"] * 5 + ["r"] * 2
    assert set(zip(table["field"], table["ccd"], strict=True)) == {("248", "5")}
    assert np.isnan(table["seeing"]).all()
    assert (table["flags"] == -1).all()
    assert counts == {
        "files": 10,
        "alerts": 10,
        "asteroid": 3,
        "non_asteroid": 4,
        "bogus": 2,
        "stationary": 2,
        "set_aside_unknown": 1,
        "set_aside_near_known": 1,
        "set_aside_negative": 1,
    }


@pytest.mark.parametrize("planes", [PLANES[:1], PLANES])
def test_planes(night: Path, planes: tuple[str, ...]) -> None:
    table, _ = read(night, planes=planes)
    assert table["stamp"].shape[1:] == stamp_shape(planes)
    for plane, level in enumerate((100, 200, 300)[: len(planes)]):
        stamps = table["stamp"][..., plane]
        np.testing.assert_array_equal(stamps[0], image(level=level)[15:47, 15:47])
        assert (stamps.reshape(len(table), -1).argmax(axis=1) == CENTRE * 33).all()


def test_other_planes_are_refused(night: Path) -> None:
    with pytest.raises(ValueError, match="planes are"):
        read(night, planes=("difference",))


@pytest.mark.parametrize("planes", [PLANES[:1], PLANES])
@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_archives_give_what_files_give(night: Path, tmp_path: Path, name: str, planes: tuple[str, ...]) -> None:
    files, counts = read(night, planes=planes)
    archive, archive_counts = read(tar_of(tmp_path / name, night), units=3, planes=planes)
    assert same(files, archive)
    assert archive["source"].tolist() == [f"{name}/{file}" for file in files["source"]]
    assert archive_counts == counts | {"files": 1}


@pytest.mark.parametrize("chunk", [1, 2, 3, 7])
def test_chunks_hold_the_same_rows(night: Path, chunk: int) -> None:
    whole, counts = read(night)
    parts, part_counts = read(night, chunk=chunk, units=4)
    assert same(whole, parts, without="")
    assert part_counts == counts


def test_many_alerts_in_one_file(night: Path, tmp_path: Path) -> None:
    path = tmp_path / "all.avro"
    path.write_bytes(avro(*NIGHT, codec="deflate"))
    table, counts = read(path, chunk=2)
    assert same(read(night)[0]["stamp", "label", "ra"], table["stamp", "label", "ra"])
    assert table["row"].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert set(table["source"]) == {"all.avro"}
    assert (counts["files"], counts["alerts"]) == (1, 10)


@pytest.mark.parametrize(
    ("where", "expected", "left_out"),
    [
        ([("fid", ["2"])], [0, 0], 5),
        ([("fid", ["1", "2"])], [1, 1, 1, 0, 0, 0, 0], 0),
        ([("LABEL", ["asteroid", "bogus"])], [1, 1, 1, 0, 0], 2),
        ([("LABEL", ["stationary"]), ("candid", [str(CANDID + 20)])], [0], 6),
        ([("objectId", ["elsewhere"])], [], 7),
    ],
)
def test_where(night: Path, where: list, expected: list[int], left_out: int) -> None:
    table, counts = read(night, where=where)
    assert table["label"].tolist() == expected
    assert counts["not_selected"] == left_out


def test_where_names_something_else(night: Path) -> None:
    with pytest.raises(InputError, match=r"packet 1: --where names FILTER, which is neither LABEL nor a field"):
        read(night, where=[("FILTER", ["g"])])


def gzipped(pixels: np.ndarray) -> bytes:
    return gzip.compress(fits_bytes(pixels))


NAN = image()
NAN[40:, :] = np.nan

BAD = {
    "not gzipped FITS": ({"Science": b"nothing"}, "its science cut-out is no FITS image"),
    "cut gzip": ({"Science": gzipped(image())[:500]}, "its science cut-out is no FITS image"),
    "no cut-out": ({"Science": None}, "has no science cut-out"),
    "empty cut-out": ({"Science": b""}, "has no science cut-out"),
    "constant": ({"Science": gzipped(np.ones((63, 63)))}, "its science cut-out has the value 1 in every pixel"),
    "all NaN": ({"Science": gzipped(np.full((63, 63), np.nan))}, "its science cut-out has no good pixel"),
    "too large": ({"Science": gzipped(image(64, 64))}, "is 64 pixels wide or high"),
    "no template": ({"Template": None}, "has no template cut-out"),
    "bad difference": ({"Difference": gzipped(np.zeros((63, 63)))}, "its difference cut-out has the value 0"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("archive", [False, True])
def test_bad_cut_outs_are_named_or_left_out(night: Path, tmp_path: Path, name: str, archive: bool) -> None:
    cutouts, message = BAD[name]
    write_folder(night, [ztf(1, cutouts, **ASTEROID)])
    path = tar_of(tmp_path / "a.tar.gz", night) if archive else night
    place = f"a.tar.gz, {CANDID + 1}.avro, packet 1" if archive else f"{CANDID + 1}.avro, packet 1"
    with pytest.raises(InputError, match=message) as caught:
        read(path, planes=PLANES)
    assert place in str(caught.value)
    table, counts = read(path, planes=PLANES, on_error="skip")
    assert (len(table), counts["asteroid"], counts["bad_alerts"]) == (6, 2, 1)
    if "Science" not in cutouts:
        assert len(read(path)[0]) == 7  # what is not asked for is not looked at


def test_missing_pixels_are_filled(night: Path) -> None:
    write_folder(night, [ztf(1, {"Science": gzipped(NAN)}, **ASTEROID)])
    table, counts = read(night)
    assert (len(table), counts["filled_stamps"]) == (7, 1)
    assert table["filled"].tolist() == [0, 224, 0, 0, 0, 0, 0]
    assert np.isfinite(table["stamp"]).all()


@pytest.mark.parametrize("plane", ["Science", "Template"])
def test_alerts_with_too_few_pixels_in_a_plane_are_left_out(night: Path, plane: str) -> None:
    few = image()
    few[:, 31] = np.nan  # a bad column through the candidate
    write_folder(night, [ztf(1, {plane: gzipped(few)}, **ASTEROID)])
    table, counts = read(night, planes=PLANES)
    assert (len(table), counts["few_pixels"], counts["bad_alerts"], counts["asteroid"]) == (6, 1, 0, 2)
    assert np.isfinite(table["stamp"]).all()
    table, counts = read(night)
    assert len(table) == (6 if plane == "Science" else 7)
    with pytest.raises(InputError, match="pixels are missing"):
        read(night, planes=PLANES, nan="error")


def test_missing_pixels_are_refused_where_that_is_asked_for(night: Path) -> None:
    write_folder(night, [ztf(1, {"Science": gzipped(NAN)}, **ASTEROID)])
    place = rf"{CANDID + 1}\.avro, packet 1: 224 pixels are missing"
    with pytest.raises(InputError, match=rf"{place} \(NaN\); --nan fill puts the median of the others there"):
        read(night, nan="error")
    table, counts = read(night, nan="error", on_error="skip")
    assert (len(table), counts["bad_alerts"]) == (6, 1)


def test_a_candidate_at_the_edge_of_its_ccd_is_padded(night: Path) -> None:
    cut = image(63, 40, (31, 8))  # 9 pixels from the left edge
    cutouts = {name: gzipped(cut) for name in ("Science", "Template", "Difference")}
    write_folder(night, [ztf(1, cutouts, **ASTEROID, xpos=9.2)])
    table, counts = read(night)
    assert counts["padded_stamps"] == 1
    assert table["padded"].tolist() == [0, 8 * 32, 0, 0, 0, 0, 0]
    assert table["stamp"][1].argmax() == CENTRE * 33
    assert read(night, planes=PLANES)[0]["padded"][1] == 3 * 8 * 32


@pytest.mark.parametrize("content", [b"", b"Obj\x01junk", avro(ztf(5))[:-3000], b"\0\0\0\0\x07" + avro(ztf(5))])
@pytest.mark.parametrize("name", ["", "a.tar", "a.tar.gz"])
def test_a_corrupt_packet_is_named_or_left_out(night: Path, tmp_path: Path, name: str, content: bytes) -> None:
    (night / f"{CANDID + 1}.avro").write_bytes(content)
    path = tar_of(tmp_path / name, night) if name else night
    with pytest.raises(InputError, match=rf"{name}.*{CANDID + 1}\.avro, packet 1: cannot be read as Avro"):
        read(path)
    table, counts = read(path, on_error="skip")
    assert (len(table), counts["alerts"], counts["bad_alerts"]) == (6, 10, 1)


def test_a_cut_archive_keeps_what_was_before(night: Path, tmp_path: Path) -> None:
    path = tar_of(tmp_path / "a.tar.gz", night)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"a\.tar\.gz: cannot be read to its end"):
        read(path)
    table, counts = read(path, on_error="skip")
    assert 0 < len(table) < 7
    assert counts["bad_alerts"] == 1


def test_a_packet_of_another_kind(night: Path, tmp_path: Path) -> None:

    content = avro(rubin()).replace(b"diaSource", b"xiaSource")
    (night / f"{CANDID + 1}.avro").write_bytes(content)
    with pytest.raises(InputError, match=r"packet 1: holds a record of xiaSourceId, .* not an alert of ZTF"):
        read(night)


def test_rubin(tmp_path: Path) -> None:
    path = tmp_path / "rubin.avro"
    known = {"designation": "2025 AB1", "ephVmag": 22.0}
    packets = [
        rubin(ssObjectId=5, ssSource=known),
        rubin(reliability=0.1),
        rubin(history=[60800.25, 60801.25]),
        rubin(),
        rubin(cutout=fits_bytes(image(30, 20, (15, 3)), CRPIX1=4.0, CRPIX2=16.0), reliability=0.1),
    ]
    path.write_bytes(avro(*packets))
    table, counts = read(path, planes=PLANES)
    assert table["label"].tolist() == [1, 0, 0, 0]
    assert table["designation"][0] == "2025 AB1"
    assert (counts["bogus"], counts["stationary"], counts["set_aside_unknown"]) == (2, 1, 1)
    assert (table["stamp"][..., 0].reshape(4, -1).argmax(axis=1) == CENTRE * 33).all()
    around = 3 * (32**2 - 30**2)
    assert table["padded"].tolist() == [around, around, around, 3 * (32**2 - 30 * 19)]
    assert (counts["small_cutouts"], counts["padded_stamps"]) == (3, 1)
    assert (counts["filled_stamps"], table["filled"].sum()) == (0, 0)
    assert set(table["field"]) == {"visit 2025051500042"}


UNKNOWN = dict.fromkeys(EPHEMERIS[:-1], 0.0)
"""As Rubin writes a magnitude and rates that it has not computed."""


def test_known_asteroids_of_rubin_without_a_predicted_magnitude(tmp_path: Path) -> None:
    path = tmp_path / "rubin.avro"
    predicted = [UNKNOWN, UNKNOWN | {"ephVmag": None}, UNKNOWN | {"ephVmag": 22.0}, UNKNOWN | {"ephVmag": 18.0}]
    packets = [
        rubin(ssObjectId=5, ssSource={"designation": f"2025 AB{number + 1}", **each, "ephOffset": 0.03})
        for number, each in enumerate(predicted)
    ]
    path.write_bytes(avro(*packets))
    table, counts = read(path)
    assert table["designation"].tolist() == ["2025 AB1", "2025 AB2", "2025 AB3"]
    assert (counts["asteroid"], counts["set_aside_magnitude"]) == (3, 1)


@pytest.mark.parametrize(("side", "padded"), [(29, 183), (30, 124), (31, 63), (32, 0), (50, 0)])
def test_cut_outs_of_rubin_are_of_several_sizes(tmp_path: Path, side: int, padded: int) -> None:
    middle = side // 2
    cutout = fits_bytes(image(side, side, (middle, middle)), CRPIX1=middle + 1.0, CRPIX2=middle + 1.0)
    (tmp_path / "a.avro").write_bytes(avro(rubin(cutout=cutout, reliability=0.1)))
    for nan in ("fill", "error"):
        table, counts = read(tmp_path, nan=nan)
        assert table["padded"].tolist() == [padded]
        assert (counts["small_cutouts"], counts["padded_stamps"]) == (0 < padded <= 124, padded > 124)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("12345", "12345"),
        ("0012345", "12345"),
        ("2004JQ12", "2004 JQ12"),
        ("2004 JQ12", "2004 JQ12"),
        ("K04J12Q", "2004 JQ12"),
        (" 2004 JQ012 ", "2004 JQ12"),
        ("2040P-L", "2040 P-L"),
        ("433 Eros", "433"),
    ],
)
def test_an_asteroid_has_one_name(tmp_path: Path, written: str, name: str) -> None:
    packets = [ztf(1, **ASTEROID | {"ssnamenr": written}), rubin(ssObjectId=5, ssSource={"designation": written})]
    for number, packet in enumerate(packets):
        (tmp_path / f"{number}.avro").write_bytes(avro(packet))
    assert read(tmp_path)[0]["designation"].tolist() == [name, name]


@pytest.mark.parametrize(
    "written", ["67P", "0067P", "C/2017M4", "C/2017 M4", "P/2016BA14", "73P-C", "3I/ATLAS", "CK17M040"]
)
def test_comets_are_set_aside_however_they_are_written(tmp_path: Path, written: str) -> None:
    (tmp_path / "a.avro").write_bytes(avro(ztf(1, **ASTEROID | {"ssnamenr": written})))
    assert read(tmp_path)[1]["set_aside_comet"] == 1


def test_messages_of_kafka(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ceres_fast.alerts.avro._RUBIN_SCHEMAS", "no.such.package")
    night = tmp_path / "night"
    night.mkdir()
    for number, packet in enumerate((rubin(reliability=0.1), rubin(history=[60800.25, 60801.25]))):
        (night / f"{number}.avro").write_bytes(message(packet))
        (night / f"{number + 2}.avro").write_bytes(avro(packet))
    with pytest.raises(InputError, match=r"0\.avro, packet 1: .*schema 900, which is Rubin's version 9\.0"):
        read(night)
    assert read(night, on_error="skip")[1]["bad_alerts"] == 2
    (night / "900.avsc").write_text(json.dumps(RUBIN_SCHEMA))
    table, counts = read(night, planes=PLANES)
    assert (counts["files"], counts["bogus"], counts["stationary"]) == (4, 2, 2)
    assert same(table[:2], table[2:])
    archive = tar_of(tmp_path / "night.tar.gz", night)
    (tmp_path / "900.avsc").write_text(json.dumps(RUBIN_SCHEMA))
    assert same(table, read(archive, planes=PLANES)[0])


def test_gzipped_files_give_what_files_give(night: Path, tmp_path: Path) -> None:
    files, counts = read(night)
    for file in night.iterdir():
        (tmp_path / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    found, packed_counts = read(tmp_path)
    assert same(files, found)
    assert counts == packed_counts


@pytest.mark.parametrize("survey", ["WINTER", "Palomar Gattini-IR"])
def test_alerts_of_another_survey_are_no_unknown_asteroids(night: Path, survey: str) -> None:
    name = {"WINTER": "WNTR24abcd", "Palomar Gattini-IR": "PGIR19abcd"}[survey]
    (night / "0.avro").write_bytes(avro(ztf(1) | {"objectId": name}))
    with pytest.raises(InputError, match=rf"0\.avro, packet 1: is an alert of {survey} \(objectId '{name}', schema"):
        read(night)
    table, counts = read(night, on_error="skip")
    assert (len(table), counts["bad_alerts"], counts["set_aside_unknown"]) == (7, 1, 1)


def test_real_known_asteroids_of_rubin(shared_cases: Path) -> None:
    table, counts = read(shared_cases / "truth_alerts" / "01-rubin-ephvmag-zero" / "rubin_sso.avro")
    assert table["designation"].tolist() == ["2004 JQ12", "2020 SJ88"]
    assert (counts["alerts"], counts["asteroid"]) == (2, 2)


@pytest.fixture(scope="module")
def real(shared_data: Path) -> Path:
    path = shared_data / "ztf_alerts"
    if not path.is_dir():
        pytest.skip("no ZTF alert packets in shared/data")
    return path


@pytest.mark.parametrize("planes", [PLANES[:1], PLANES])
def test_real_packets(real: Path, planes: tuple[str, ...], tmp_path: Path) -> None:
    files, counts = read(real, planes=planes)
    assert counts == {
        "files": 50,
        "alerts": 50,
        "asteroid": 25,
        "non_asteroid": 14,
        "bogus": 4,
        "stationary": 10,
        "set_aside_unknown": 11,
        "filled_stamps": 2,
    }
    for name in ("a.tar", "a.tar.gz"):
        archive, _ = read(tar_of(tmp_path / name, real), units=20, planes=planes)
        assert same(files, archive)
    assert len(set(files["designation"])) == 26


def test_real_packets_give_the_real_stamps(real: Path, shared_data: Path) -> None:
    """The same candidates, cut out and labelled by somebody else."""
    table, _ = read(real)
    kinds = {label: read(real, where=[("LABEL", [label])])[0]["source"] for label in ("bogus", "stationary")}
    stamps = {path.name: path for path in (shared_data / "ztf_stamps").glob("*/*.fits")}
    compared = 0
    for row in table:
        path = stamps[f"ztf_{row['source'].removesuffix('.avro')}.fits"]
        theirs, header = fits.getdata(path, header=True)
        good = np.isfinite(theirs)
        np.testing.assert_array_equal(row["stamp"][..., 0][good], theirs[good])
        assert (~good).sum() == row["filled"]
        assert (canonical(header.get("SSNAME", "")), str(header["FIELD"])) == (row["designation"], row["field"])
        assert row["mjd"] == pytest.approx(header["MJD-OBS"] + 15 / 86400, abs=1e-8)  # theirs is the start
        kind = next((kind for kind, sources in kinds.items() if row["source"] in sources), "asteroid")
        assert kind == header["LABEL"]
        compared += 1
    assert compared == 39

"""Opening FITS files and reading headers that break the standard."""

import gzip
import io
import warnings

import astropy
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ceres_fast import console
from ceres_fast.catalogues import read_catalogue, write_table
from ceres_fast.detect.source_extractor import _write_pixels
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.frames.fits_files import check_whole, each_hdu, fits_files, open_fits, readable_header, writable_header
from ceres_fast.frames.reading import find_frames, read_frame, read_headers
from ceres_fast.frames.stamp_folders import read_stamp
from ceres_fast.synthetic.inject.paint import KEYWORD, Layer, Paint, write_injected

from ..tiny_field import make_header, make_image

GOOD = [("OBJECT", "F1"), ("GAIN", 2.8, "e-/ADU"), ("HISTORY", "made"), ("COMMENT", "by hand")]


@pytest.mark.parametrize(
    ("card", "value", "comment"),
    [
        ("SEEING  = 1.2\x00", "1.2", ""),
        ("EXPTIME =                 60,5 / [s] length", "60,5", "[s] length"),
        ("DATE-OBS= 2020-01-01T00:00:00 / start", "2020-01-01T00:00:00", "start"),
        ("FILTER  = 'R", "R", ""),
        ("AIRMASS = 1.2 1.3", "1.2 1.3", ""),
        ("EXPTIME=60.0 / s", "60.0", "s"),
        ('DATE-OBS= "2020-01-01T00:00:00" / start', "2020-01-01T00:00:00", "start"),
        ("FILTER  = 'R 1 '   band", "R 1", "band"),
        ("EXPTIME =60.0 / s", "60.0", "s"),
        ("EXPTIME =\t60.0\t/ s", "60.0", "s"),
        ("DATE-OBS='2020-01-01T00:00:00' / start", "2020-01-01T00:00:00", "start"),
    ],
)
@pytest.mark.filterwarnings("ignore:The following header keyword is invalid")
def test_what_breaks_the_standard_is_there_as_text(card, value, comment):
    good = fits.Header(GOOD)
    header = readable_header(fits.Header.fromstring(good.tostring(padding=False, endcard=False) + card.ljust(80)))
    assert header[:-1] == good
    assert header.comments["GAIN"] == "e-/ADU"
    assert (header[-1], header.comments[-1]) == (value, comment)
    assert readable_header(header, [header.cards[-1].keyword])[0] == value


@pytest.mark.parametrize("card", ["COMMENT =====", "HISTORY =1", "        =1"])
def test_what_is_no_value_stays_as_it_is(card):
    header = fits.Header.fromstring(card.ljust(80))
    assert readable_header(header) == header


def test_a_card_without_a_keyword_is_left_out():
    header = fits.Header.fromstring(fits.Header(GOOD).tostring(padding=False, endcard=False) + "      = 1,2".ljust(80))
    assert readable_header(header) == fits.Header(GOOD)


def test_files_are_sorted_and_hidden_ones_are_passed_over(tmp_path):
    for name in ("b.fits", "a.FIT", "sub/c.fts.gz", ".d.fits", ".sub/e.fits", "f.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.name for path in fits_files(tmp_path)] == ["a.FIT", "b.fits", "c.fts.gz"]


def test_errors_of_the_reader_itself_name_the_file(tmp_path):
    path = tmp_path / "a.fits"
    fits.PrimaryHDU().writeto(path)
    with pytest.raises(InputError, match=r"a\.fits: is not a readable FITS file \('nowhere'\)"), open_fits(path):
        raise KeyError("nowhere")


def test_linked_folders_are_searched_once(tmp_path):
    (tmp_path / "elsewhere/resamp").mkdir(parents=True)
    (tmp_path / "elsewhere/resamp/a.fits").touch()
    (tmp_path / "night").mkdir()
    (tmp_path / "night/F1").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/round").symlink_to(tmp_path / "night")
    assert fits_files(tmp_path / "night") == [tmp_path / "night/F1/resamp/a.fits"]


def test_a_folder_that_cannot_be_read_is_said(tmp_path, monkeypatch, capsys):
    def refused(place):
        raise PermissionError(13, "Permission denied", str(place))

    monkeypatch.setattr("os.scandir", refused)
    assert fits_files(tmp_path) == []
    assert f"{tmp_path}: cannot be read (Permission denied)" in capsys.readouterr().err


def test_a_file_that_goes_on_is_not_whole(tmp_path):
    path = tmp_path / "a.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros((4, 5)))]).writeto(path)
    with open_fits(path) as hdus:
        check_whole(path, hdus)
    path.write_bytes(path.read_bytes()[:4000])
    with open_fits(path) as hdus, pytest.raises(InputError, match=r"a\.fits: its extension 1 cannot be read"):
        check_whole(path, hdus)
    assert find_frames([tmp_path]) == [path]


def test_an_extension_of_negative_size_is_no_endless_file(tmp_path):
    path = tmp_path / "a.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros((4, 5)))]).writeto(path)
    content = path.read_bytes().replace(b"NAXIS1  =                    5", b"NAXIS1  =             -9999999")
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.fits: is not a readable FITS"), open_fits(path) as hdus:
        list(each_hdu(hdus))
    assert find_frames([tmp_path]) == [path]


IMAGE = make_image()[:60, :60].round().astype(np.int16)
TABLE = Table({"X_IMAGE": [30.5, 40.25], "Y_IMAGE": [31.0, 12.0]})
BLOCK, CARD = 2880, 80


def written(*hdus):
    content = io.BytesIO()
    fits.HDUList(list(hdus)).writeto(content, output_verify="ignore")
    return content.getvalue()


def plain():
    return written(fits.PrimaryHDU(IMAGE, make_header()))


def mosaic():
    ccds = [fits.ImageHDU(IMAGE + number, make_header(CCDNAME=f"C{number}")) for number in range(3)]
    return written(fits.PrimaryHDU(), *ccds)


def tiles():
    return written(fits.PrimaryHDU(), fits.CompImageHDU(IMAGE, make_header()))


def with_table():
    table = fits.BinTableHDU.from_columns([fits.Column("X", "E", array=np.arange(9))])
    return written(fits.PrimaryHDU(IMAGE, make_header()), table)


def with_empty_extension():
    return written(fits.PrimaryHDU(IMAGE, make_header()), fits.ImageHDU(name="EMPTY"))


def packed(content, as_gzip):
    return gzip.compress(content, 1) if as_gzip else content


WRITTEN = {make.__name__: make() for make in (plain, mosaic, tiles, with_table)}


def last_byte(content):
    """Return how long the file is without the padding of its last block."""
    with fits.open(io.BytesIO(content), disable_image_compression=True) as hdus:
        return hdus[-1].fileinfo()["datLoc"] + hdus[-1].size


@pytest.mark.parametrize("as_gzip", [False, True])
@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("kept", [0, 0.01, 0.9])
def test_a_last_block_need_not_be_full(tmp_path, capsys, monkeypatch, name, as_gzip, kept):
    monkeypatch.setattr(console, "_printed", set())
    content = WRITTEN[name]
    end = last_byte(content)
    ends = (len(content), end + int(kept * (len(content) - end)), end)
    paths = [tmp_path / f"{name}{number}.fits{'.gz' * as_gzip}" for number in range(3)]
    for path, length in zip(paths, ends, strict=True):
        path.write_bytes(packed(content[:length], as_gzip))
    ccds = [head.info.hdu for head in read_headers(paths[0])]
    for path in paths[1:]:
        assert [head.info.hdu for head in read_headers(path)] == ccds
        for hdu in ccds:
            np.testing.assert_array_equal(read_frame(path, hdu).data, read_frame(paths[0], hdu).data)
    said = capsys.readouterr().err
    assert said.count("its last block is not filled to 2880 bytes") == 1
    assert f"{paths[1]}: its last block" in said


@pytest.mark.parametrize("as_gzip", [False, True])
@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("lost", [1, 2, 100])
def test_a_file_that_is_cut_in_its_pixels_is_an_error(tmp_path, capsys, name, as_gzip, lost):
    path = tmp_path / f"cut.fits{'.gz' * as_gzip}"
    path.write_bytes(packed(WRITTEN[name][: last_byte(WRITTEN[name]) - lost], as_gzip))
    for read in (read_headers, read_frame):
        with pytest.raises(InputError, match=r"cut\.fits.*(it is cut off: [\d,]+ of the |extension 1 cannot be read)"):
            read(path)
    assert "not filled" not in capsys.readouterr().err


@pytest.mark.parametrize("as_gzip", [False, True])
def test_a_mosaic_that_is_cut_in_an_earlier_extension_is_an_error(tmp_path, as_gzip):
    path = tmp_path / f"cut.fits{'.gz' * as_gzip}"
    with fits.open(io.BytesIO(mosaic())) as hdus:
        places = [(hdu.fileinfo()["hdrLoc"], hdu.fileinfo()["datLoc"], hdu.size) for hdu in hdus]
    for head, start, size in places[1:]:
        for end in (head + 8, head + 100, head + BLOCK, start, start + 1, start + size - 1):
            path.write_bytes(packed(mosaic()[:end], as_gzip))
            with pytest.raises(InputError, match=r"cut\.fits.*(cut off|cannot be read)"):
                read_headers(path)


@pytest.mark.parametrize("blocks", [1, 2])
def test_a_last_header_need_not_fill_its_block(tmp_path, capsys, monkeypatch, blocks):
    monkeypatch.setattr(console, "_printed", set())
    empty = fits.ImageHDU(name="EMPTY")
    for number in range(40 * (blocks - 1)):
        empty.header[f"K{number}"] = number
    content = written(fits.PrimaryHDU(IMAGE, make_header()), empty)
    path = tmp_path / "a.fits"
    path.write_bytes(content.rstrip())
    assert len(content.rstrip()) % BLOCK
    assert read_frame(path).data[3, 4] == IMAGE[3, 4]
    assert "a.fits: its last block is not filled" in capsys.readouterr().err
    path.write_bytes(content.rstrip()[:-3])  # without END
    with pytest.raises(InputError, match=r"a\.fits: its extension 1 cannot be read"):
        read_frame(path)


@pytest.mark.parametrize("more", [b"\0" * 2880, b" " * 100, b"\xff", b"a log of the camera\n" * 300])
def test_what_follows_a_file_harms_nothing(tmp_path, capsys, more):
    path = tmp_path / "a.fits"
    path.write_bytes(plain() + more)
    np.testing.assert_array_equal(read_frame(path).data, IMAGE)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("as_gzip", [False, True])
def test_stamps_and_catalogues_need_no_full_block_either(tmp_path, capsys, monkeypatch, as_gzip):
    monkeypatch.setattr(console, "_printed", set())
    content = written(fits.PrimaryHDU(IMAGE[:32, :32]))
    stamp = tmp_path / f"stamp.fits{'.gz' * as_gzip}"
    stamp.write_bytes(packed(content[: last_byte(content)], as_gzip))
    np.testing.assert_array_equal(read_stamp(stamp).stamp, IMAGE[:32, :32])
    stamp.write_bytes(packed(content[: last_byte(content) - 1], as_gzip))
    with pytest.raises(InputError, match=r"stamp\.fits.*cut off: 2,047 of the 2,048 bytes of its HDU 0 are there"):
        read_stamp(stamp)
    catalogue = tmp_path / "a.cat"
    write_table(TABLE, catalogue, "FITS_LDAC")
    catalogue.write_bytes(catalogue.read_bytes()[: last_byte(catalogue.read_bytes())])
    np.testing.assert_array_equal(read_catalogue(catalogue).table["X_IMAGE"], TABLE["X_IMAGE"])
    catalogue.write_bytes(catalogue.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"a\.cat"):
        read_catalogue(catalogue)


ODD_CARDS = {
    "keyword not ASCII": b";\xcc.S =  351/ no comment",
    "keyword with a blank": b"OB JECT =                  351",
    "keyword in lower case": b"object2 = 'F2      '",
    "keyword with a dot": b"MJD.OBS =              60310.5",
    "value not closed": b"ODD     = 'no end",
    "value of letters": b"ODD     = none",
    "value not ASCII": b"ODD     = 'caf\xc3\xa9'",
    "comment not ASCII": b"ODD     =                    1 / caf\xc3\xa9",
    "comment with a tab": b"ODD     =                    1 / a\tb",
    "history with a bell": b"HISTORY a\x07b",
    "zero bytes": b"ODD     =                    1".ljust(70, b"\0"),
    "infinite": b"ODD     =                1E999",
    "CONTINUE without a start": b"CONTINUE  'more' / of nothing",
    "CONTINUE without a text": b"CONTINUE            12",
    "no equal sign": b"ODD      1",
    "equal sign too early": b"ODD= 1",
    "HIERARCH": b"HIERARCH ESO DET OUT1 CHIP NAME = 'EEV  '",
    "HIERARCH in lower case": b"HIERARCH eso det = 5",
    "HIERARCH without a value": b"HIERARCH ESO DET",
    "axis that is not there": b"NAXIS5  =                    7",
    "no keyword": b"        = 5",
}


def with_cards(content, *cards):
    """Put cards before the END of the last header of a file."""
    end = content.rindex(b"END".ljust(CARD))
    extra = b"".join(card.ljust(CARD)[:CARD] for card in cards)
    start = end - end % BLOCK
    rest = content[start + BLOCK :]
    header = content[start:end] + extra + b"END".ljust(CARD)
    return content[:start] + header + b" " * (-len(header) % BLOCK) + rest


def paint_one(path, target):
    """Inject one pixel of light as `inject` does."""
    (head,) = read_headers(path)
    light = Paint(np.array([30]), np.array([31]), np.array([500.0]))
    write_injected(path, target, {head.info.hdu: Layer(light, 1, np.nan, np.random.default_rng(0))}, 1)
    return read_frame(target)


@pytest.mark.parametrize("make", [plain, tiles])
@pytest.mark.parametrize("name", ODD_CARDS)
def test_cards_that_break_the_standard_stop_nothing(tmp_path, capsys, make, name):
    if make is tiles and name == "CONTINUE without a text" and int(astropy.__version__.split(".")[0]) < 8:
        pytest.skip("astropy before 8 reads no compressed frame with such a card: it is refused, and named")
    path = tmp_path / "odd.fits"
    path.write_bytes(with_cards(make(), ODD_CARDS[name], b"GAIN2   =                  1.5"))
    frame = read_frame(path)
    np.testing.assert_array_equal(frame.data, IMAGE)
    assert frame.header["GAIN2"] == 1.5
    _write_pixels(frame, tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # astropy warns of cards without a value, which the standard has
        with fits.open(tmp_path / "frame.fits") as hdus:
            hdus.verify("exception")
            assert hdus[0].header["GAIN2"] == 1.5
    write_table(TABLE, tmp_path / "a.cat", "FITS_LDAC", frame.header)
    (header,) = read_catalogue(tmp_path / "a.cat").headers
    assert (header["GAIN2"], header["OBJECT"]) == (1.5, "F0001")
    injected = paint_one(path, tmp_path / "injected.fits")
    assert (injected.header["GAIN2"], injected.header[KEYWORD]) == (1.5, 1)
    assert injected.data[30, 31] - IMAGE[30, 31] == pytest.approx(500, abs=1)


def test_a_card_that_is_left_out_is_said_once(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(console, "_printed", set())
    for name in ("a.fits", "b.fits"):
        (tmp_path / name).write_bytes(with_cards(plain(), ODD_CARDS["keyword not ASCII"], ODD_CARDS["infinite"]))
        header = writable_header(read_frame(tmp_path / name).header, tmp_path / name)
    assert "OBJECT" in header
    said = capsys.readouterr().err
    assert said.count("warning") == 1
    assert "a.fits: the card ';?.S '" in said


def test_a_header_that_keeps_to_the_standard_is_written_as_it_is():
    header = make_header(LONG="x" * 150)
    header["HIERARCH ESO DET OUT1 GAIN"] = 2.5
    header["HISTORY"] = "made by hand"
    header["EMPTY"] = None
    assert writable_header(header, "a.fits").tostring() == header.tostring()


def test_a_blank_that_is_no_number_does_not_end_the_reading_of_others(tmp_path):
    path = tmp_path / "a.fits"
    path.write_bytes(with_cards(plain(), b"BLANK   = none"))
    with pytest.raises(InputError, match=r"a\.fits: is not a readable FITS file"):
        read_frame(path)


STORED = {"plain": plain(), "tiles": tiles(), "mosaic": mosaic()}
NASTY = [b"CONTINUE", b"HIERARCH", b"END", b"", b"BLANK   =", b"BSCALE  =", b"CTYPE3  =", b"A_ORDER =", b"ZIMAGE  ="]
VALUES = [b"1E999", b"'open", b"0x12", b"(1,2)", b"T", b"''", b"-7", b"NaN", b"'caf\xe9'", b"99999999999999999999"]
places = st.floats(0, 1, exclude_max=True)
damages = st.one_of(
    st.tuples(st.just("byte"), places, st.integers(0, 255)),
    st.tuples(st.just("card"), places, st.sampled_from(NASTY)),
    st.tuples(st.just("value"), places, st.sampled_from(VALUES)),
    st.tuples(st.just("again"), places, places),
)


def damaged(content, damage):
    """Damage the headers of a file."""
    content = bytearray(content)
    cards = min(len(content), 4 * BLOCK) // CARD - 1
    for how, where, what in damage:
        card = int(where * cards) * CARD
        match how:
            case "byte":
                content[int(where * cards * CARD)] = what
            case "card":
                content[card : card + 10] = what.ljust(10)
            case "value":
                content[card + 10 : card + 30] = what.rjust(20)
            case "again":
                content[card : card + CARD] = content[int(what * cards) * CARD :][:CARD]
    return bytes(content)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(STORED)), st.lists(damages, min_size=1, max_size=5))
@example("plain", [("byte", 0.3, 0xCC)])
@example("tiles", [("value", 0.3125, b"1E999")])  # the name of a column is a number: an AssertionError of astropy
def test_hostile_headers_are_read_or_refused_and_their_copies_can_be_written(tmp_path, name, damage):
    path = tmp_path / "hostile.fits"
    path.write_bytes(damaged(STORED[name], damage))
    try:
        frames = [read_frame(path, head.info.hdu) for head in read_headers(path)]
    except InputError as error:
        assert "hostile.fits" in str(error)  # noqa: PT017 - a frame may be good, too
        return
    for frame in frames:
        header = writable_header(frame.header, path)
        _write_pixels(frame, tmp_path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert fits.getdata(tmp_path / "frame.fits").shape == frame.info.shape
        assert header.tostring().isascii()
        assert header.tostring().isprintable()
        write_table(TABLE, tmp_path / "a.cat", "FITS_LDAC", frame.header)
        light = Paint(np.array([0]), np.array([1]), np.array([500.0]))
        layer = Layer(light, 1, np.nan, np.random.default_rng(0))
        target = tmp_path / "injected.fits"
        target.unlink(missing_ok=True)
        try:
            write_injected(path, target, {frame.info.hdu: layer}, 1)
        except CeresFastError:
            assert not target.exists()
        else:
            assert read_headers(target)

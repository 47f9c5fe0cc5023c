"""Cut-outs: FITS or gzipped FITS, of any size, become planes with the candidate at the centre."""

import gzip
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.alerts.cutouts import LARGEST, cut_plane, read_cutout
from ceres_fast.stamps import CENTRE, STAMP_SIZE

from ..alert_files import fits_bytes, image


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_pixels_and_header(pack: object) -> None:
    pixels, header = read_cutout(pack(fits_bytes(image(40, 63), CRPIX1=3.5)))
    np.testing.assert_array_equal(pixels, image(40, 63))
    assert (pixels.dtype, header["CRPIX1"]) == (np.float32, 3.5)


def test_scaled_integers_and_a_card_that_ztf_writes_in_its_own_way() -> None:
    counts = np.arange(63 * 63, dtype=np.uint16).reshape(63, 63)
    content = fits_bytes(counts).replace(b"SIMPLE  =                    T", b"SIMPLE  =  T                  ", 1)
    np.testing.assert_array_equal(read_cutout(content)[0], counts)


def header_of(nx: int, ny: int) -> bytes:
    """A header without its pixels."""
    card = f"SIMPLE  =  T\nBITPIX  =                  -32\nNAXIS   =  2\nNAXIS1  = {nx}\nNAXIS2  = {ny}\nEND"
    return b"".join(line.ljust(80).encode() for line in card.split("\n")).ljust(2880)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not FITS at all",
        gzip.compress(b"not FITS at all", mtime=0),
        gzip.compress(fits_bytes(image()))[:2000],
        b"\x1f\x8b" + bytes(100),
        fits_bytes(image())[:5000],
        fits_bytes(np.zeros((3, 63, 63), np.float32)),
        fits_bytes(np.zeros(63, np.float32)),
        header_of(10**9, 10**9),
        header_of(1000, 1000),
        header_of(-5, 5),
        header_of(0, 63),
    ],
    ids=range(12),
)
def test_what_is_no_image(content: bytes) -> None:
    with pytest.raises(ValueError, match="is "):
        read_cutout(content)


def test_a_decompression_bomb() -> None:
    stream = io.BytesIO()
    with gzip.open(stream, "wb", compresslevel=9) as packed:
        for _ in range(3 * LARGEST // 2**20):
            packed.write(bytes(2**20))
    assert len(stream.getvalue()) < 100_000
    with pytest.raises(ValueError, match=f"more than {LARGEST} bytes"):
        read_cutout(stream.getvalue())


@given(st.binary(max_size=100), st.integers(0, 5760))
def test_changed_bytes_never_give_a_traceback(junk: bytes, place: int) -> None:
    content = bytearray(fits_bytes(image()))
    content[place : place + len(junk)] = junk
    try:
        pixels, _ = read_cutout(bytes(content))
    except ValueError:
        return
    assert pixels.ndim == 2


def test_the_candidate_is_at_the_centre() -> None:
    plane, padded, filled = cut_plane(image(), (32, 32))
    assert (plane.shape, padded, filled) == ((STAMP_SIZE, STAMP_SIZE), 0, 0)
    assert np.unravel_index(plane.argmax(), plane.shape) == (CENTRE, CENTRE)
    np.testing.assert_array_equal(plane, image()[15:47, 15:47])


@given(st.integers(1, 63), st.integers(1, 63), st.data())
def test_small_cut_outs_are_padded(ny: int, nx: int, data: st.DataObject) -> None:
    row, column = data.draw(st.integers(0, ny - 1)), data.draw(st.integers(0, nx - 1))
    pixels = image(ny, nx, (row, column))
    if ny == nx == 1:
        return
    plane, padded, filled = cut_plane(pixels, (column + 1, row + 1))
    assert plane[CENTRE, CENTRE] == pixels[row, column]
    inside = (min(ny, row + 16) - max(0, row - 16)) * (min(nx, column + 16) - max(0, column - 16))
    assert (padded, filled) == (STAMP_SIZE**2 - inside, 0)
    assert np.isfinite(plane).all()


def test_missing_pixels_are_filled() -> None:
    pixels = image()
    pixels[:, :20] = np.nan
    plane, padded, filled = cut_plane(pixels, (32, 32))
    assert (padded, filled) == (0, 5 * 32)
    assert (plane[:, :5] == np.median(plane[:, 5:])).all()


@pytest.mark.parametrize(("value", "message"), [(np.nan, "no good pixel"), (7, "the value 7 in every pixel")])
def test_no_picture(value: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cut_plane(np.full((63, 63), value, np.float32), (32, 32))

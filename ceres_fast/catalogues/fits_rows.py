"""Columns added to a table in a FITS file; every byte that need not change stays as it was.

Source: FITS standard 4.0, sections 7.2 (ASCII tables) and 7.3 (binary tables).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from astropy.io import fits

_BLOCK, _CARD = 2880, 80

_SUMS = ("CHECKSUM", "DATASUM")
_OF_A_COLUMN = re.compile(r"T[A-Z]+\d+$")

_FORMATS = {"f4": "E", "f8": "D", "i2": "I", "i4": "J", "i8": "K", "b1": "L"}
"""TFORM of the columns of a binary table, by the type of their values."""

_WIDER = {"f": "f8", "i": "i8", "u": "i8"}
_TEXT = {"f": ("D25.17", "25.17E"), "i": ("I20", "20d"), "u": ("I20", "20d"), "b": ("I20", "20d")}
"""TFORM of the columns of an ASCII table, by the kind of their values, and how Python writes these."""


@dataclass(frozen=True)
class Block:
    """An HDU as it stands in a file: its header and its data with their padding.

    Parameters
    ----------
    header, data : bytes
        The last of a file has what follows it, too.
    is_objects : bool
        Whether it is a table of detections.
    """

    header: bytes
    data: bytes
    is_objects: bool = False

    @property
    def rows(self) -> int:
        """How many rows its table has."""
        return int(self.value("NAXIS2") or 0)

    def value(self, keyword: str) -> Any:
        """Return what the header says; None where it does not."""
        return next((_card(card).value for card in self.cards if _keyword(card) == keyword), None)

    @property
    def cards(self) -> list[bytes]:
        """The cards of the header, without END and padding."""
        cards = [self.header[start : start + _CARD] for start in range(0, len(self.header), _CARD)]
        end = next((number for number, card in enumerate(cards) if _keyword(card) == "END"), len(cards))
        return cards[:end]


def extended(block: Block, added: Mapping[str, np.ndarray], keep: np.ndarray) -> Block:
    """Return a table with columns added and some rows left out.

    Parameters
    ----------
    block : Block
        A binary or an ASCII table. Its heap, which variable-length columns point into, stays as it is.
    added : mapping of str to numpy.ndarray
        New columns: numbers or truth values, (n,) each. An astropy Column's description and unit are written too.
    keep : numpy.ndarray
        Shape (n,), bool: which rows are kept.
    """
    if not added and keep.all():
        return block
    as_text = block.value("XTENSION") == "TABLE"
    width, fields = (int(block.value(name)) for name in ("NAXIS1", "TFIELDS"))
    size, heap = width * len(keep), int(block.value("PCOUNT") or 0)
    rows = np.frombuffer(block.data, np.uint8, size).reshape(len(keep), width)
    cells, cards, at = [rows], [], width
    for number, (name, values) in enumerate(added.items(), start=fields + 1):
        form, column = (_as_text if as_text else _as_bytes)(np.ma.filled(values, np.nan))
        cards += _describe(number, name, form, values, at + 2 if as_text else None)
        cells.append(column)
        at += column.shape[1]
    data = np.concatenate(cells, axis=1)[keep].tobytes() + block.data[size : size + heap]
    new: dict[str, int] = {"NAXIS1": at, "NAXIS2": int(keep.sum()), "TFIELDS": fields + len(added)}
    if (start := block.value("THEAP")) is not None:
        new["THEAP"] = int(start) - size + at * new["NAXIS2"]
    after = block.data[-(-(size + heap) // _BLOCK) * _BLOCK :]
    return replace(block, header=_header(block, new, cards), data=_padded(data, b" " if as_text else b"\0") + after)


def _header(block: Block, new: Mapping[str, int], columns: list[bytes]) -> bytes:
    """Return the header with other values of some keywords, and the cards of more columns after those of the last."""
    cards = []
    last = 0
    for card in block.cards:
        keyword = _keyword(card)
        if keyword in _SUMS:  # which are those of what was there
            continue
        if keyword in new:
            changed = _card(card)
            changed.value = new[keyword]
            card = str(changed).encode()
        cards.append(card)
        if keyword == "TFIELDS" or _OF_A_COLUMN.match(keyword):
            last = len(cards)
    return _padded(b"".join([*cards[:last], *columns, *cards[last:], b"END".ljust(_CARD)]), b" ")


def _describe(number: int, name: str, form: str, values: np.ndarray, column: int | None) -> list[bytes]:
    """Return the cards of a new column."""
    unit = getattr(values, "unit", None)
    described = {
        "TTYPE": (name, getattr(values, "description", None)),
        "TFORM": (form, None),
        "TBCOL": (column, None),
        "TUNIT": (None if unit is None else str(unit), None),
    }
    cards = (fits.Card(f"{key}{number}", *pair) for key, pair in described.items() if pair[0] is not None)
    return [str(card)[:_CARD].encode("ascii", errors="replace") for card in cards]


def _as_bytes(values: np.ndarray) -> tuple[str, np.ndarray]:
    """Return TFORM and the bytes of each row, (n, width) uint8, of a column of a binary table."""
    values = np.asarray(values)
    if values.dtype.kind == "b":
        return _FORMATS["b1"], np.where(values, ord("T"), ord("F")).astype(np.uint8)[:, None]
    known = values.dtype.str[1:]
    kept = known if known in _FORMATS else _WIDER[values.dtype.kind]
    return _FORMATS[kept], np.ascontiguousarray(values, f">{kept}").view(np.uint8).reshape(len(values), int(kept[1]))


def _as_text(values: np.ndarray) -> tuple[str, np.ndarray]:
    """Return TFORM and the characters of each row, (n, width) uint8, of a column of an ASCII table."""
    values = np.asarray(values)
    form, written = _TEXT[values.dtype.kind]
    width = int(re.findall(r"\d+", form)[0]) + 1  # a blank before each
    text = "".join(f" {value:{written}}" for value in values.tolist()).encode()
    return form, np.frombuffer(text, np.uint8).reshape(len(values), width)


def _keyword(card: bytes) -> str:
    return card[:8].decode("ascii", errors="replace").strip()


def _card(card: bytes) -> fits.Card:
    return fits.Card.fromstring(card.decode("ascii", errors="replace"))


def _padded(content: bytes, with_: bytes) -> bytes:
    return content + with_ * (-len(content) % _BLOCK)

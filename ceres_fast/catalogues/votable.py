"""VOTable, the Virtual Observatory's XML (SExtractor's ASCII_VOTABLE); source: IVOA VOTable 1.1 to 1.5.

Rows of text (TABLEDATA) are written back by putting the new cells between the bytes that were there, so that all else
stays as it was. astropy cannot do this: SExtractor's own files, whose vectors do not say that they are vectors, are
beyond what it reads and writes. It writes the other two ways to keep rows (BINARY, BINARY2).
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape

import numpy as np
from astropy.io import fits
from astropy.io.votable import parse, tree
from astropy.table import Table
from astropy.utils.data import get_readable_fileobj

from ..errors import InputError
from .core import distinct
from .names import Names

_TYPES = {"f": "double", "i": "long", "u": "long", "b": "boolean"}


def recognises(start: bytes) -> bool:
    """Tell from a file's first bytes whether it is a VOTable."""
    return start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"<?xml", b"<VOTABLE")) and b"VOTABLE" in start


@dataclass
class Document:
    """The bytes of a file, and where in them one of its tables has what.

    Parameters
    ----------
    content : bytes
        The whole file.
    called : list of str
        The names of its fields.
    fields : list of int
        Where the tag of each FIELD starts.
    data : int
        Where the tag DATA starts; −1 where there is none.
    rows : list of (start, end of the cells, end)
        Where each TR is.
    words : list of int
        How many words each cell of the first row has.
    as_text : bool
        Whether rows are kept as text.
    """

    content: bytes
    called: list[str] = field(default_factory=list)
    fields: list[int] = field(default_factory=list)
    data: int = -1
    rows: list[tuple[int, int, int]] = field(default_factory=list)
    words: list[int] = field(default_factory=list)
    as_text: bool = False


def read(path: Path, names: Names) -> tuple[Table, Document, dict[str, Any]]:
    """Return the only table with positions, or else the first with fields, and the whole document."""
    try:
        documents = _scan(path.read_bytes())
        with_positions = [document for document in documents if names.has_positions(document.called)]
        if len(with_positions) > 1:
            problem, action = f"has {len(with_positions)} tables with positions", "leave one in it"
            raise InputError(path, problem, expected="one, which is the catalogue", action=action)
        document = [*with_positions, *documents][0]
        votable = parse(io.BytesIO(_with_vectors(document)), verify="ignore")
        table = _detections(votable, document).to_table(use_names_over_ids=True)
    except InputError:
        raise
    except Exception as error:  # expat, the cells and a missing table fail with unrelated types
        reason = (str(error) or type(error).__name__).strip().splitlines()[0]
        raise InputError(path, f"is not a readable VOTable ({reason})", expected="a whole VOTable") from error
    if len(set(document.called)) < len(document.called) == len(table.colnames):  # astropy has names of its own for some
        table.rename_columns(table.colnames, distinct(document.called))
    return table, document, {}


def write_back(original: Document, path: Path, added: Mapping[str, np.ndarray], keep: np.ndarray) -> None:
    """Write the document as it was, with a field per added name at the end of the table."""
    if not original.as_text:
        _write_with_astropy(original, path, added, keep)
        return
    content = original.content
    cells = zip(*(np.asarray(values).tolist() for values in added.values()), strict=True) if added else [()] * len(keep)
    pieces = [content[: original.data], *(_field(name, values) for name, values in added.items())]
    last = original.data
    for (start, inner, end), new, kept in zip(original.rows, cells, keep, strict=True):
        pieces.append(content[last:start])
        if kept:
            pieces += [content[start:inner], "".join(map(_cell, new)).encode(), content[inner:end]]
        last = end
    path.write_bytes(b"".join([*pieces, content[last:]]))


def write_new(parts: Sequence[tuple[Table, fits.Header]], path: Path) -> None:
    """Write a table; the frame's header has no place in this format."""
    ((table, _),) = parts
    tree.VOTableFile.from_table(table).to_xml(str(path))


def read_whole(content: bytes) -> Table:
    """Read the table of a document as astropy does, which would fetch rows that are elsewhere.

    Raises
    ------
    ValueError
        When they are, and whatever astropy and expat raise.
    """
    with get_readable_fileobj(io.BytesIO(content), encoding="binary") as unpacked:
        content = unpacked.read()
    _scan(content)
    return Table.read(io.BytesIO(content), format="votable")


def _scan(content: bytes) -> list[Document]:
    """Find the fields and rows of each table that has fields; a ValueError says where rows are that are elsewhere."""
    found, parser = [Document(content)], expat.ParserCreate()
    path: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        path.append(name := name.rpartition(":")[2])
        at, document = parser.CurrentByteIndex, found[-1]
        if name == "STREAM" and "href" in attributes:
            raise ValueError(f"its rows are not in it but at {attributes['href']}, from where nothing is fetched")
        if "TABLE" not in path:
            return
        if name == "FIELD" and path[-2] == "TABLE":
            document.fields.append(at)
            document.called.append(attributes.get("name") or attributes.get("ID", ""))
        elif name == "DATA":
            document.data = at
        elif name == "TABLEDATA":
            document.as_text = True
        elif name == "TR":
            document.rows.append((at, at, at))
        elif name == "TD" and len(document.rows) == 1:
            document.words.append(0)

    def text(characters: str) -> None:
        if path[-1] == "TD" and len(found[-1].rows) == 1:
            found[-1].words[-1] += len(characters.split())

    def end(name: str) -> None:
        at = parser.CurrentByteIndex
        ended = path.pop()
        if ended == "TR" and found[-1].rows:
            found[-1].rows[-1] = (found[-1].rows[-1][0], at, content.index(b">", at) + 1)
        if ended == "TABLE":
            found.append(Document(content))

    parser.StartElementHandler, parser.CharacterDataHandler, parser.EndElementHandler = start, text, end
    parser.buffer_text = True
    parser.Parse(content, True)
    return [document for document in found if document.fields]


def _with_vectors(document: Document) -> bytes:
    """Return the document with the lengths of vectors that SExtractor does not write."""
    content = document.content
    for at, words in reversed(list(zip(document.fields, document.words, strict=False))):
        tag = content[at : content.index(b">", at)]
        if words > 1 and b"arraysize" not in tag and b'"char"' not in tag and b'"unicodeChar"' not in tag:
            name = tag.split(None, 1)[0]
            content = content[: at + len(name)] + f' arraysize="{words}"'.encode() + content[at + len(name) :]
    return content


def _field(name: str, values: np.ndarray) -> bytes:
    description = getattr(values, "description", None)
    kind = _TYPES[np.asarray(values).dtype.kind]
    inside = f"<DESCRIPTION>{escape(description)}</DESCRIPTION>" if description else ""
    return f'<FIELD name="{name}" datatype="{kind}">{inside}</FIELD>\n'.encode()


def _cell(value: float) -> str:
    return "<TD>NaN</TD>" if value != value else f"<TD>{value}</TD>"


def _write_with_astropy(original: Document, path: Path, added: Mapping[str, np.ndarray], keep: np.ndarray) -> None:
    votable = parse(io.BytesIO(original.content), verify="ignore")
    table = _detections(votable, original)
    values = table.array
    if added:
        table.fields.extend(tree.VOTableFile.from_table(Table(dict(added))).get_first_table().fields)
    table.create_arrays(int(keep.sum()))
    for name in values.dtype.names or ():
        table.array[name] = values[name][keep]
    for name, cells in added.items():
        table.array[name] = np.asarray(cells)[keep]
    votable.to_xml(str(path))


def _detections(votable: tree.VOTableFile, document: Document) -> tree.TableElement:
    """Return the table that a document describes."""
    tables = [table for table in votable.iter_tables() if table.fields]
    return next((each for each in tables if [field.name for field in each.fields] == document.called), tables[0])

"""Tracklets in ADES, the XML form (see `ades`)."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from xml.etree import ElementTree

from ..observatory import Observatory
from .ades import VERSION, context, report, values
from .observations import Observation


def _write(path: Path, observatory: Observatory, observations: list[Observation]) -> None:
    root = ElementTree.Element("ades", version=VERSION)
    block = ElementTree.SubElement(root, "obsBlock")
    who = ElementTree.SubElement(block, "obsContext")
    for group, elements in context(observatory):
        part = ElementTree.SubElement(who, group)
        for name, text in elements:
            ElementTree.SubElement(part, name).text = text
    data = ElementTree.SubElement(block, "obsData")
    for row in values(observatory, observations):
        optical = ElementTree.SubElement(data, "optical")
        for name, text in row.items():
            ElementTree.SubElement(optical, name).text = text
    ElementTree.indent(root)
    path.write_bytes(ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True) + b"\n")


files = partial(report, name="ades.xml", write=_write)
"""What writes the file."""

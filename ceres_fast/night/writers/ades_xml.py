"""Tracklets in ADES, the XML form (see `ades`)."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from .ades import VERSION, context, values
from .observations import observations_of
from .order import Files, Order, needed_observatory

NAME = "ades.xml"


def files(order: Order) -> Files:
    """Return what writes the file; None where nothing is to be reported: ADES has no empty report."""
    observatory = needed_observatory(order, "an ADES report")
    observations = observations_of(order)
    if not observations:
        return {NAME: None}

    def write(path: Path) -> None:
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

    return {NAME: write}

"""Observations in ADES, the XML form. Format: https://github.com/IAU-ADES/ADES-Master."""

from __future__ import annotations

from collections.abc import Iterator

from .found import Found, UnusableError, without_no_names

OPTICAL = "optical"
OTHERS = ("offset", "occultation", "radar")
"""Observations that are no positions on the sky."""

REQUIRED = ("obsTime", "ra", "dec", "stn")


def tells(text: str) -> bool:
    """Tell whether a text is XML."""
    return text.lstrip().startswith("<")


def rows(text: str) -> Iterator[Found]:
    """Yield the observations of a text.

    Raises
    ------
    UnusableError
        When it is not XML, or has a document type: ADES has none, and entities in one can read files and fill memory.
    """
    from lxml import etree  # a dependency of iau-ades, which reads XML by path only, and with entities

    # The text is decoded already: what its first line says of its encoding no longer holds.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, encoding="utf-8")
    try:
        root = etree.fromstring(text.encode("utf-8"), parser)
    except etree.XMLSyntaxError as error:
        raise UnusableError(f"is not XML ({error.msg})", place=f"line {error.lineno}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise UnusableError("has a document type (DOCTYPE), and ADES has none")
    for element in root.iter("{*}*"):  # ADES has no namespace; what some programs write does not matter
        element.tag = etree.QName(element).localname
    if next(root.iter(OPTICAL, *OTHERS), None) is None:
        first = root.tag
        raise UnusableError(f"is XML without an observation (its first element is {first:.60})", "ADES, as <optical>")
    for element in root.iter(OPTICAL, *OTHERS):
        place = f"line {element.sourceline}"
        if element.tag in OTHERS:
            yield Found(place, None)
            continue
        values = without_no_names({child.tag: child.text or "" for child in element if isinstance(child.tag, str)})
        missing = [name for name in REQUIRED if name not in values]
        yield Found(place, f"has no {', '.join(missing)}" if missing else values)

"""Numbers in reports."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import UndefinedError
from lxml import html
from markdown_it import MarkdownIt

from ceres_fast.evaluation.formatting import (
    decimals,
    html_templates,
    interval,
    markdown_templates,
    markdown_text,
    one_line,
    plain,
    seconds,
    share,
)

NAN, HUGE = float("nan"), 10**400


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(1234.5678, 2, "1,234.57"), (3, 0, "3"), (-0.1234, 3, "-0.123"), (True, 1, "–"), ("1", 1, "–"), (HUGE, 1, "–")],
)
def test_decimals(value: Any, digits: int, text: str) -> None:
    assert decimals(value, digits) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"value": 0.5, "low": 0.25, "high": 0.75}, "0.500 [0.250,\xa00.750]"),
        ({"value": 0.5, "low": None, "high": None}, "0.500"),
        ({"value": 0.5, "low": 0.25}, "0.500"),
        ({"value": None}, "–"),
        ([0.5], "–"),
        (None, "–"),
    ],
)
def test_interval(value: Any, text: str) -> None:
    assert interval(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.25, "0.2 s"), (9.96, "10.0 s"), (119.4, "119 s"), (120, "2.0 min"), (7200, "2.0 h"), (NAN, "–")],
)
def test_seconds(value: Any, text: str) -> None:
    assert seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.02, "2 %"), (0.95, "95 %"), (1 / 3, "33.3333 %"), (1e-6, "0.0001 %"), (None, "–")]
)
def test_share(value: Any, text: str) -> None:
    assert share(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "yes"),
        (False, "no"),
        (None, "–"),
        (["a", True], "a, yes"),
        ({"a": 1, "b": [2]}, "a 1, b 2"),
        (0.5, "0.5"),
    ],
)
def test_plain(value: Any, text: str) -> None:
    assert plain(value) == text


PACKAGE = "ceres_fast.evaluation"


def rendered(text: str) -> str:
    return MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough").render(text)


@settings(max_examples=300)
@given(st.text(alphabet=st.sampled_from(list("ab \\`*_[]()<>|~$&;#!:/.\n-=+1")) | st.characters(), max_size=40))
def test_markdown_shows_a_value_as_it_is(value: str) -> None:
    found = html.fromstring(rendered(f"x {markdown_text(value)} y"))
    assert [each.tag for each in found.iter()] == ["p"]
    assert " ".join(found.text_content().split()) == " ".join(f"x {one_line(value)} y".split())


@settings(max_examples=200)
@given(st.text(alphabet=list("ab\\|`*<&; \n"), max_size=20))
def test_a_value_stays_in_its_cell(value: str) -> None:
    found = html.fromstring(rendered(f"| h | i |\n|---|---|\n| x{markdown_text(value)}x | y |\n"))
    cells = [cell.text_content() for cell in found.iter("td")]
    assert cells == [f"x{one_line(value)}x", "y"] or one_line(value) != value


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (" a\n\tb  c\r\n", "a b c"),
        ("\x1b[31mred\x07", "[31mred"),
        ("\u202egnp.exe", "gnp.exe"),
        ("\ud800", ""),
        ("0.9 ±\xa00.1", "0.9 ±\xa00.1"),
        (3, "3"),
        (None, "None"),
    ],
)
def test_one_line_of_printable_text(value: object, line: str) -> None:
    assert one_line(value) == line


def test_macros_are_not_escaped_twice() -> None:
    source = "{% macro bold(x) %}**{{ x }}**{% endmacro %}{{ bold(value) }} {{ value }}"
    assert markdown_templates(PACKAGE).from_string(source).render(value="a*<b") == "**a\\*&lt;b** a\\*&lt;b"
    source = "{% macro bold(x) %}<b>{{ x }}</b>{% endmacro %}{{ bold(value) }} {{ value }}"
    assert html_templates(PACKAGE).from_string(source).render(value="a&<b") == "<b>a&amp;&lt;b</b> a&amp;&lt;b"


def test_what_a_template_is_not_given_is_an_error() -> None:
    for templates in (html_templates(PACKAGE), markdown_templates(PACKAGE)):
        with pytest.raises(UndefinedError):
            templates.from_string("{{ value }}").render()

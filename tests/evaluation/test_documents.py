"""Templates: no value is markup, whatever it holds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import UndefinedError
from lxml import html
from markdown_it import MarkdownIt

from ceres_fast.evaluation.documents import html_templates, markdown_templates, markdown_text, one_line

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

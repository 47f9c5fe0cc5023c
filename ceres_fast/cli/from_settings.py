"""Options of the command line that come from settings classes, so that none of them is stated here again."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, replace
from functools import wraps
from inspect import Parameter
from typing import Annotated, Any, Literal, get_type_hints

import typer

from ..settings.option import Option, options_of

Source = type[Any] | Mapping[str, Option]
"""A settings class, or options by the names under which a command gets their values."""


_ANY_NUMBER = 2**31
"""Of an upper bound from this on, the help need not speak."""


def from_settings(*, panels: Sequence[str] = (), **sources: Source) -> Callable[[Callable[..., None]], Any]:
    """Return a decorator that gives a command the options of settings classes.

    Parameters
    ----------
    panels : sequence of str
        Groups of the help, in the order in which it shows them; without them in the order of the options.
    **sources : type or mapping
        For parameters of the command, what they are made of. The command line has the options in the place of such a
        parameter; the command gets an instance of the settings class, or, of a mapping, a dict of the values.

    Returns
    -------
    callable
        Of a command, the function that typer sees: its signature has every option, and its attribute ``options`` those
        of the settings classes.
    """

    def decorate(command: Callable[..., None]) -> Any:
        @wraps(command)
        def expanded(**values: Any) -> None:
            for name, source in sources.items():
                options = _options(source)
                given = {each: _checked(option, values.pop(each)) for each, option in options.items()}
                values[name] = source(**given) if isinstance(source, type) else given
            command(**values)

        parameters = list(_expanded(command, sources))
        if panels:
            parameters.sort(key=lambda each: _place(each, panels))
        expanded.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        expanded.options = {  # type: ignore[attr-defined]
            name: option for source in sources.values() for name, option in _options(source).items()
        }
        expanded.__annotations__ = {each.name: each.annotation for each in parameters}
        return expanded

    return decorate


def in_panel(panel: str, options: Mapping[str, Option]) -> dict[str, Option]:
    """Return options as a command shows them that has a group for them."""
    return {name: replace(each, shown=replace(each.shown, panel=panel)) for name, each in options.items()}


def given(context: typer.Context) -> set[str]:
    """Return the names of the options that the command line or a configuration file gives."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return {name for name, source in sources.items() if source is not None and source.name != "DEFAULT"}


def as_words(options: Mapping[str, Option], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values of options as typer knows them: to it, a choice is always one of words."""
    return {name: str(value) if options[name].choices else value for name, value in values.items()}


def _options(source: Source) -> Mapping[str, Option]:
    return options_of(source) if isinstance(source, type) else source


def _expanded(command: Callable[..., None], sources: Mapping[str, Source]) -> Iterator[Parameter]:
    hints = get_type_hints(command, include_extras=True)
    for parameter in inspect.signature(command).parameters.values():
        if parameter.name in sources:
            for name, option in _options(sources[parameter.name]).items():
                yield _parameter(name, option)
        else:
            yield parameter.replace(annotation=hints[parameter.name], kind=Parameter.KEYWORD_ONLY)


def _parameter(name: str, option: Option) -> Parameter:
    kind, default = option.type, option.default
    if option.choices:
        kind = Literal[tuple(map(str, option.choices))]
        if option.kind is not option.type:
            kind = kind | None
        default = default if default in (None, MISSING) else str(default)
    if default is MISSING:
        default = Parameter.empty
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, _declared(option)])


def _declared(option: Option) -> Any:
    """Return an option as typer declares it."""
    shown = option.shown
    named: tuple[str, ...] = (option.flag,)
    look: dict[str, Any] = {"metavar": shown.metavar and f"{shown.metavar}{_range(option)}"}
    if option.kind is bool and not shown.alone:
        named, look = (), {"show_default": bool(option.default)}  # without names typer makes a pair of it
    return typer.Option(*named, help=option.help, rich_help_panel=shown.panel, **look)


def _range(option: Option) -> str:
    """Return the bounds as the help shows them, where they do not go without saying."""
    least, most = option.meta.ge, option.meta.le
    if most is not None and most < _ANY_NUMBER:
        return f" [x<={most}]" if least is None else f" [{least}<=x<={most}]"
    if option.meta.lt is not None:  # of a share, which its help calls one
        return ""
    if option.meta.gt is not None:
        return f" [x>{option.meta.gt:g}]"
    # Where the help says what the bound itself means ("0: off"), it is known, and the row has no room for it.
    return "" if least is None or f"{least:g}:" in option.help else f" [x>={least:g}]"


def _checked(option: Option, given: Any) -> Any:
    """Return the value that an option was given; refuse one that cannot be meant.

    All of them are checked when a command is called, before it imports anything. As callbacks of the options they would
    each be looked at by typer, also for ``ceres-fast --help``, which they made slower by a tenth.
    """
    value = _value(option, given)
    if not option.allows(value):
        raise typer.BadParameter(f"{given}: expected {option.expected}.", param_hint=f"'{option.flag}'")
    return value


def _value(option: Option, value: Any) -> Any:
    """Return what a word of the command line stands for, where typer cannot know that."""
    return next((each for each in option.choices if str(each) == value), value)


def _place(parameter: Parameter, panels: Sequence[str]) -> int:
    declared = getattr(parameter.annotation, "__metadata__", ())
    panel = next((each.rich_help_panel for each in declared if hasattr(each, "rich_help_panel")), None)
    return panels.index(panel) if panel in panels else -1

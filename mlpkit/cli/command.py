"""Command: a command of the program, in which an option that takes one value is given once."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand


class Command(TyperCommand):
    """A command that refuses an option given twice, whose first value would be lost."""

    def make_parser(self, ctx: Any) -> Any:
        """The parser of the command line."""
        parser: Any = super().make_parser(ctx)
        parse = parser.parse_args

        def parse_once(args: list[str]) -> Any:
            options, rest, order = parse(args)
            _check_once(ctx, order)
            return options, rest, order

        parser.parse_args = parse_once
        return parser


def _check_once(ctx: Any, order: list[Any]) -> None:
    """Raise BadParameter for an option that takes one value and is among the options in the order of the command line twice."""
    seen: set[str] = set()
    for param in order:
        if param.param_type_name != "option" or param.is_flag or param.multiple:
            continue
        if param.name in seen:
            option = max(param.opts, key=len)
            raise typer.BadParameter(f"{option} takes one value, and is given more than once", ctx=ctx, param_hint=option)
        seen.add(param.name)

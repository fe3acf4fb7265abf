"""Command class that rejects repeated single-value options."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand


class Command(TyperCommand):
    """Command that rejects an option given twice, whose first value would be ignored."""

    def make_parser(self, ctx: Any) -> Any:
        """Return the parser of the command line."""
        parser: Any = super().make_parser(ctx)
        parse = parser.parse_args

        def parse_once(args: list[str]) -> Any:
            options, rest, order = parse(args)
            _check_once(ctx, order)
            return options, rest, order

        parser.parse_args = parse_once
        return parser


def _check_once(ctx: Any, order: list[Any]) -> None:
    """Raise BadParameter if an option with a single value is given more than once."""
    seen: set[str] = set()
    for param in order:
        if param.param_type_name != "option" or param.is_flag or param.multiple:
            continue
        if param.name in seen:
            option = max(param.opts, key=len)
            raise typer.BadParameter(f"{option} accepts one value, but is given more than once", ctx=ctx, param_hint=option)
        seen.add(param.name)

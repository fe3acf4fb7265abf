"""Colors and rules of style of charts, light or dark as the reader's system."""

LIGHT = (
    "--paper:#fff;--ink:#1b1f24;--soft:#57606a;--rule:#d0d7de;--shade:#f3f5f7;--bar:#9cc3ea;"
    "--c0:#0a5ca8;--c1:#b03a00;--c2:#1a7340;--c3:#7a35c9;--c4:#a01560;--c5:#5c5a00;--bad:#a40e26;--good:#116329"
)
DARK = (
    "--paper:#0f1318;--ink:#e4e9ee;--soft:#9fa9b4;--rule:#353c45;--shade:#1a2027;--bar:#27527d;"
    "--c0:#6db3f8;--c1:#f2a266;--c2:#62cf92;--c3:#c7a1ff;--c4:#ff90bd;--c5:#d3cf5a;--bad:#ff8f8f;--good:#7ddc8b"
)
RULES = {
    "text": "font-size:11px;fill:var(--soft)",
    ".axis": "stroke:var(--soft);fill:none",
    ".grid": "stroke:var(--rule);stroke-width:.7;fill:none",
    ".guide": "stroke:var(--soft);stroke-width:1;fill:none",
    ".mark": "stroke:var(--ink);stroke-width:1;stroke-dasharray:3 2;fill:none",
    ".line": "stroke-width:1.8;fill:none",
    ".dot": "fill-opacity:.75;stroke:none",
    ".dot.small": "fill:none;stroke-width:4;stroke-linecap:round;stroke-opacity:.6",
    **{f".line.c{n},{{}}.dot.small.c{n}": f"stroke:var(--c{n})" for n in range(6)},
    **{f"circle.c{n},{{}}.shape.c{n}": f"fill:var(--c{n})" for n in range(6)},
}


def colors(selector: str) -> str:
    """Return the rules that define the colors as variables of the elements of a selector."""
    return f"{selector}{{color-scheme:light dark;{LIGHT}}}\n@media(prefers-color-scheme:dark){{{selector}{{{DARK}}}}}\n"


def rules(scope: str) -> str:
    """Return the rules of charts for the elements in those of a selector."""
    return "".join(f"{scope} {selector.replace('{}', f'{scope} ')}{{{rule}}}\n" for selector, rule in RULES.items())

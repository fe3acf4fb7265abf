"""Document of HTML: its head, its sections with links to them, and its policy, by which it loads nothing."""

from __future__ import annotations

from collections.abc import Sequence

from mlpkit.report.style import STYLE
from mlpkit.text.markup import Content, Markup, el

POLICY = "default-src 'none'; style-src 'unsafe-inline'"  # whatever is in the document


def document(title: str, header: Content, sections: Sequence[tuple[str, str, Content]]) -> str:
    """Return a document.

    Parameters
    ----------
    title : str
    header : str or sequence of str
        Content above the links.
    sections : sequence of (str, str, str or sequence of str)
        Anchor, title and content of each section.
    """
    links = el("nav", [el("a", name, href=f"#{anchor}") for anchor, name, _ in sections], aria_label="Sections")
    parts = [el("section", el("h2", name, id=anchor), content) for anchor, name, content in sections]
    head = [
        Markup('<meta charset="utf-8">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'),
        Markup('<meta name="color-scheme" content="light dark">'),
        el("title", title),
        el("style", Markup(STYLE)),
    ]
    body = el("body", el("header", header), links, el("main", parts))
    return f"<!doctype html>\n{el('html', el('head', head), body, lang='en')}\n"

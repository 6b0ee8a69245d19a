"""The HTML of a report: one file that needs nothing else, not even a script."""

import base64
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

_STYLE = """
body { font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
       color: #1f2328; background: #fff; max-width: 1180px; margin: 1.6em auto 4em;
       padding: 0 24px; }
h1 { font-size: 1.7em; margin: 0; }
h2 { font-size: 1.25em; margin: 2.2em 0 0.3em; padding-top: 0.9em; border-top: 1px solid #d8dce1; }
h3 { font-size: 1em; margin: 1.3em 0 0.3em; }
p.lead { color: #57606a; margin: 0.2em 0 1em; }
p.note { color: #57606a; font-size: 13px; margin: 0.2em 0 0.8em; max-width: 68em; }
i.dot { display: inline-block; width: 0.7em; height: 0.7em; border-radius: 50%;
        margin-right: 0.4em; }
img { max-width: 100%; display: block; }
img.plot { margin: 0.4em 0 1em; }
div.scroll { overflow-x: auto; margin: 0.6em 0 1.2em; }
div.columns { column-gap: 44px; }
div.columns table { width: 100%; break-inside: avoid; margin: 0 0 1.3em; }
table { border-collapse: collapse; font-size: 14px; }
th, td { padding: 0.16em 0.55em 0.16em 1.1em; border-bottom: 1px solid #e9ebee;
         vertical-align: top; }
th { text-align: left; font-weight: 600; border-bottom-color: #b9bfc7; }
td:first-child, th:first-child { padding-left: 0; }
th.number { width: 84px; min-width: 60px; }
th.number, td.number { text-align: right; font-variant-numeric: tabular-nums; }
td.number, span.short { white-space: nowrap; }
td.prose { min-width: 12em; }
td.best { font-weight: 650; background: #eaf5ee; }
div.pictures { display: grid; gap: 10px 12px; margin: 0.5em 0 1em; align-items: start; }
figure { margin: 0; }
figure img { width: 100%; border: 1px solid #e3e6ea; border-radius: 3px; box-sizing: border-box; }
figcaption { font-size: 13px; color: #3d444d; padding: 0.15em 0; }
details { margin: 0.6em 0; }
summary { cursor: pointer; }
pre { background: #f6f8fa; padding: 1em; overflow-x: auto; font-size: 12.5px; }
"""


@dataclass(frozen=True)
class Figure:
    """A picture as JPEG or PNG bytes under a caption; the colour of its system, if any."""

    caption: str
    image: bytes
    color: str | None = None


@dataclass(frozen=True)
class Cell:
    """A cell of a table."""

    value: str
    is_best: bool = False
    address: str = ""  # of what it leads to
    is_prose: bool = False  # which breaks where it is long


@dataclass(frozen=True)
class Table:
    """A table whose columns, but the first, are systems or settings."""

    title: str
    columns: list[str]
    rows: list[tuple[str, list[Cell]]]
    colors: list[str | None]


def page(title: str, heading: str, body: str) -> str:
    """Return a whole page."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(title)}</title><style>{_STYLE}</style></head>"
        f"\n<body><h1>{text(heading)}</h1>\n{body}</body></html>\n"
    )


def section(title: str, body: str, note: str = "") -> str:
    """Return a headed part of a page; nothing if its body is empty."""
    return f"<h2>{text(title)}</h2>\n{paragraph(note)}{body}" if body else ""


def paragraph(note: str, style: str = "note") -> str:
    """Return a paragraph; nothing if it is empty."""
    return f'<p class="{style}">{text(" ".join(note.split()))}</p>\n' if note else ""


def dot(color: str | None) -> str:
    """Return the mark of a system's colour."""
    return f'<i class="dot" style="background:{color}"></i>' if color else ""


def plot(name: str, png: bytes) -> str:
    """Return a plot as wide as the page."""
    return f'<img alt="{text(name)}" class="plot" src="{_data(png)}">\n'


def gallery(figures: Sequence[Figure], num_columns: int) -> str:
    """Return pictures in a grid, row by row."""
    cells = "".join(
        f'<figure><img alt="{text(figure.caption)}" src="{_data(figure.image)}">'
        f"<figcaption>{dot(figure.color)}{text(figure.caption)}</figcaption></figure>\n"
        for figure in figures
    )
    columns = f"repeat({num_columns}, minmax(0, 1fr))"
    return f'<div class="pictures" style="grid-template-columns:{columns}">{cells}</div>\n'


def table(content: Table) -> str:
    """Return a table."""
    head = "".join(
        f'<th class="number">{_headed(name, color)}</th>'
        for name, color in zip(content.columns, content.colors, strict=True)
    )
    rows = "".join(
        f"<tr><td>{text(label)}</td>{''.join(map(_cell, cells))}</tr>\n"
        for label, cells in content.rows
    )
    return f"<table><tr><th>{text(content.title)}</th>{head}</tr>\n{rows}</table>\n"


def tables(contents: Sequence[Table]) -> str:
    """Return tables that have rows, in as many columns as fit."""
    contents = [content for content in contents if content.rows]
    if not contents:
        return ""
    num_values = max(len(content.columns) for content in contents)
    body = "".join(map(table, contents))
    return f'<div class="columns" style="columns:{250 + 95 * num_values}px">{body}</div>\n'


def scrolling(body: str) -> str:
    """Return HTML that moves sideways where it is wider than the page."""
    return f'<div class="scroll">{body}</div>\n'


def unfolding(title: str, body: str) -> str:
    """Return HTML that unfolds below its title."""
    return f"<details><summary>{text(title)}</summary>{body}</details>\n"


def preformatted(content: str) -> str:
    """Return text as it is."""
    return f"<pre>{text(content)}</pre>"


def text(value: object) -> str:
    """Escape what is not HTML."""
    return html.escape(str(value))


def _headed(name: str, color: str | None) -> str:
    """Return a name after its dot, on one line if it is short; else it breaks behind its parts."""
    if len(name) <= 12:
        return f'<span class="short">{dot(color)}{text(name)}</span>'
    return dot(color) + re.sub(r"([/_.-])", r"\1<wbr>", text(name))


def _cell(cell: Cell) -> str:
    style = "prose" if cell.is_prose else "number best" if cell.is_best else "number"
    content = text(cell.value)
    if cell.address:
        content = f'<a href="{text(cell.address)}">{content}</a>'
    return f'<td class="{style}">{content}</td>'


def _data(image: bytes) -> str:
    kind = "png" if image.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(image).decode('ascii')}"

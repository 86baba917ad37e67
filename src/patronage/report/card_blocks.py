"""The blocks that a card is made of, written as Markdown and as HTML."""

import html
import io
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from patronage.report.charts import AnyChart
from patronage.report.html import rendered

Block = tuple[str, Any]
"""What it is (title, heading, subheading, text, list, facts, table or picture) and what it holds; a table is header and
rows."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart: drawn into the HTML, and a file beside the Markdown.

    Attributes
    ----------
    file : str
        Name of the PNG file.
    chart : altair chart
    words : str
        What it shows, for those who cannot see it.
    """

    file: str
    chart: AnyChart
    words: str


def markdown_block(kind: str, content: Any) -> str:
    """Write a block as Markdown."""
    if kind in ("title", "heading", "subheading"):
        return f"{'#' * {'title': 1, 'heading': 2, 'subheading': 3}[kind]} {content}"
    if kind == "text":
        return str(content)
    if kind == "list":
        return "\n".join(f"- {item}" for item in content)
    if kind == "facts":
        return "\n".join(f"- **{name}**: {_escaped(value)}" for name, value in content.items())
    if kind == "picture":
        return f"![{content.words.replace(']', ')').replace('[', '(')}]({content.file})"
    header, rows = content
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(_escaped, line))} |" for line in lines)


def _escaped(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def html_block(kind: str, content: Any) -> str:
    """Write a block as HTML; whatever it holds is escaped."""
    if kind in ("title", "heading", "subheading"):
        tag = {"title": "h1", "heading": "h2", "subheading": "h3"}[kind]
        return f"<{tag}>{html.escape(content)}</{tag}>"
    if kind == "text":
        return f"<p>{html.escape(str(content))}</p>"
    if kind == "list":
        return f"<ul>{''.join(f'<li>{html.escape(str(item))}</li>' for item in content)}</ul>"
    if kind == "facts":
        items = (f"<dt>{html.escape(name)}</dt><dd>{html.escape(str(fact))}</dd>" for name, fact in content.items())
        return f'<dl class="facts">{"".join(items)}</dl>'
    if kind == "picture":
        return f'<figure role="img" aria-label="{html.escape(content.words)}">{_svg(content.chart)}</figure>'
    header, rows = content
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in header)
    body = "".join(_row(row) for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def html_page(title: str, body: str) -> str:
    """A page that needs no network around a body of blocks."""
    return rendered("card.html.j2", title=title, body=Markup(body))


def _svg(chart: AnyChart) -> str:
    """The chart as SVG, in which every name stands as text."""
    drawn = io.StringIO()
    chart.save(drawn, format="svg")
    return drawn.getvalue()


def _row(cells: list[str]) -> str:
    first, rest = html.escape(cells[0]), "".join(f"<td>{html.escape(cell)}</td>" for cell in cells[1:])
    return f'<tr><th scope="row">{first}</th>{rest}</tr>'

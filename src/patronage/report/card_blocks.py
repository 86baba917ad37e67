"""The blocks that a card is made of, written as Markdown and as HTML."""

import html
from typing import Any

Block = tuple[str, Any]
"""What it is (title, heading, subheading, text, list, facts or table) and what it holds; a table is header and rows."""


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
        return f"<dl>{''.join(items)}</dl>"
    header, rows = content
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in header)
    body = "".join(_row(row) for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def html_page(title: str, body: str) -> str:
    """A page that needs no network around a body of blocks."""
    return _PAGE.format(title=html.escape(title), body=body)


def _row(cells: list[str]) -> str:
    first, rest = html.escape(cells[0]), "".join(f"<td>{html.escape(cell)}</td>" for cell in cells[1:])
    return f'<tr><th scope="row">{first}</th>{rest}</tr>'


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
body {{ margin: 0 auto; max-width: 56rem; padding: 1.5rem 1rem 4rem; color: #1f2933; background: #fff;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Arial, sans-serif; overflow-wrap: anywhere; }}
h1 {{ font-size: 1.75rem; margin: 0 0 .25rem; }}
h2 {{ font-size: 1.3rem; margin: 2.5rem 0 .75rem; padding-top: .75rem; border-top: 1px solid #d9dee3; }}
h3 {{ font-size: 1.05rem; margin: 1.5rem 0 .25rem; }}
p, ul {{ max-width: 46rem; }}
dl {{ display: grid; grid-template-columns: minmax(7rem, max-content) 1fr; gap: .25rem 1.25rem; margin: 0; }}
dt {{ color: #52606d; }}
dd {{ margin: 0; }}
.scroll {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-size: .85rem; overflow-wrap: normal; }}
th, td {{ text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid #d9dee3; vertical-align: top; }}
td {{ white-space: nowrap; font-variant-numeric: tabular-nums; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""

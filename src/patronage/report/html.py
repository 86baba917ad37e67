"""What all HTML pages have in common: templates, charts as figures, and a file that is written whole.

A page is one file that needs no network; what it may load or run is stated in its head, in ``base.html.j2``.
"""

from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import vl_convert
from markupsafe import Markup

from patronage.files import written_whole
from patronage.report.charts import AnyChart


def rendered(template: str, **context: Any) -> str:
    """Fill in a template of ``report/templates``; whatever it shows is escaped.

    Parameters
    ----------
    template : str
        Name of the file.
    **context
        What the template names; leaving one out is an error.
    """
    return _environment().get_template(template).render(**context)


def write_page(path: Path | str, template: str, **context: Any) -> None:
    """Write a page; it appears whole or not at all.

    Parameters
    ----------
    path : path
    template : str
        Name of the file in ``report/templates``.
    **context
        What the template names.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    html = rendered(template, **context)
    with written_whole(path) as unfinished:
        unfinished.write_text(html, encoding="utf-8")


def figure_of(stem: str, chart: AnyChart, reading: str) -> dict[str, Any]:
    """A chart as the templates' ``drawn`` shows it: stem, title, reading, and its Vega-Lite specification.

    The title becomes a heading of the page, which wraps on a narrow screen; title and reading describe the picture to
    those who cannot see it.
    """
    specification = chart.to_dict()
    title = specification.pop("title")
    text = title if isinstance(title, str) else title["text"]
    title = text if isinstance(text, str) else " ".join(text)
    specification["description"] = f"{title}. {reading}"
    return {"stem": stem, "title": title, "reading": reading, "specification": specification}


@cache
def _environment() -> jinja2.Environment:
    loader = jinja2.PackageLoader("patronage.report", "templates")
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    environment.globals["chart_script"] = _chart_script
    return environment


@cache
def _chart_script() -> Markup:
    """Vega, Vega-Lite and vega-embed as one script."""
    script = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # its stub forgets the default
    return Markup(script.replace("</script", "<\\/script"))

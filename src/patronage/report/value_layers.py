"""What the charts of a statement of value share: colours of value, layers under one title, and a level line."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from patronage.report.charts import NEUTRAL_COLOUR, WIDTH, theme
from patronage.report.value_money import lines_of

CREATED, DESTROYED, PAID_OUT = "#009e73", "#d55e00", "#e69f00"
"""Value that was created, destroyed, and taken out as profit; told apart by all."""


def layered(layers: list[alt.Chart], title: str, height: int = 400, subtitle: Sequence[str] = ()) -> alt.LayerChart:
    """Layers as one chart of the usual width, its title in as many lines as it needs."""
    heading = alt.TitleParams(lines_of(title), limit=WIDTH + 80, subtitle=list(subtitle) if subtitle else alt.Undefined)
    return alt.LayerChart(layer=layers, width=WIDTH, height=height, title=heading, config=theme())


def level(value: float) -> alt.Chart:
    """A line across a chart."""
    rule: alt.Chart = alt.Chart(pd.DataFrame({"level": [value]})).mark_rule(color=NEUTRAL_COLOUR, strokeDash=[2, 3])
    return rule.encode(y="level:Q")

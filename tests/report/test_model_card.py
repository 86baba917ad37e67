"""The model card: both files from one content, limits from facts, nothing that could run."""

from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from patronage.report.card_limits import Evidence, limits
from patronage.report.model_card import CALIBRATION as CALIBRATION_PICTURE
from patronage.report.model_card import HTML, MARKDOWN, ModelCard, card_html, card_markdown, card_summary, write_card
from patronage.schema import CAMPAIGN_SAVINGS

METRICS = pd.DataFrame(
    [
        ("churn", "model", "roc_auc", 0.8125, 0.80, 0.825),
        ("churn", "model", "log_loss", 0.41, 0.40, 0.42),
        ("churn", "recency", "roc_auc", 0.78, 0.77, 0.79),
        ("churn", "recency", "log_loss", np.nan, np.nan, np.nan),
    ],
    columns=["task", "model", "metric", "value", "low", "high"],
)
DIFFERENCES = pd.DataFrame(
    [("churn", "model", "recency", "roc_auc", 0.0325, 0.021, 0.044, 0.002, "better")],
    columns=["task", "model", "rival", "metric", "difference", "low", "high", "p_value", "verdict"],
)
CALIBRATION = pd.DataFrame(
    {
        "model": ["model", "model", "recency"],
        "bin": [1, 2, 1],
        "n_customers": [500, 500, 1000],
        "predicted": [0.2, 0.6, 0.4],
        "observed": [0.21, 0.7, 0.4],
        "observed_low": [0.18, 0.66, 0.37],
        "observed_high": [0.25, 0.74, 0.43],
    }
)


def card(**changes):
    given = {
        "name": "shop",
        "title": "Boosted trees, without contracts",
        "details": {"version": "0.1", "engine": "native"},
        "data": {"ledger": "sales | net <b>of</b> returns", "sha256": "ab" * 32},
        "label": "Churn is no purchase within 91 days after the cut-off.",
        "training": {"cut-offs": "2023-03-31"},
        "metrics": METRICS,
        "evaluation": "On 2023-06-30 to 2023-09-29.",
        "limits": ("It was judged once.",),
        "use": ("Score the whole base.",),
    }
    return ModelCard(**{**given, **changes})


class Tags(HTMLParser):
    """What is open, and what was never closed."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.text = [], set(), []

    def handle_starttag(self, tag, attrs):  # noqa: ARG002  (the parser gives them)
        self.seen.add(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def parsed(page):
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    return tags


def test_both_files_tell_the_same(tmp_path):
    write_card(card(differences=DIFFERENCES, calibration=CALIBRATION), tmp_path)
    markdown, page = (tmp_path / MARKDOWN).read_text(), (tmp_path / HTML).read_text()
    told = " ".join(parsed(page).text)
    for words in (
        "Model card: shop", "no purchase within 91 days", "0.8125 (0.8 to 0.825)", "days since the last purchase",
        "ROC AUC better by 0.033 (95 % interval 0.021 to 0.044)", "In 1 of 2 bins", "It was judged once.",
        "They were not looked for.", "ab" * 32,
    ):  # fmt: skip
        assert words in markdown.replace("\u00a0", " "), words
        assert words in told.replace("\u00a0", " "), words


def test_page_runs_nothing_and_escapes_what_it_shows():
    page = card_html(card())
    tags = parsed(page)
    assert not tags.seen & {"script", "b", "img", "link", "iframe"}
    assert "http" not in page.replace("http-equiv", "")
    assert "sales \\| net" in card_markdown(card())


def test_figures_that_are_undefined_are_dashes():
    row = next(line for line in card_markdown(card()).splitlines() if line.startswith("| log loss"))
    assert row.split("|")[3].strip() == "—"


def test_leaks_drivers_and_slices_are_shown_where_they_are():
    leaks = pd.DataFrame([("reason", "filled_for_one_side", 1.0, 90, "It is filled.")])
    leaks.columns = ["column", "kind", "figure", "n_rows", "words"]
    drivers = pd.DataFrame({
        "segment": ["all", "north"], "driver": ["silence", "spend"], "share": [0.5, 0.9], "strength": [0.75, 1.0],
        "strength_low": [0.5, 1.0], "strength_high": [1.0, 1.0], "share_raising": [0.25, 0.5],
        "leading_feature": ["days_since_last_purchase", "spend_90d"],
    })  # fmt: skip
    slices = pd.DataFrame(
        [
            ("region", "north", 500, 200, 0.41, 0.4, "roc_auc", 0.8, 0.75, 0.85),
            ("region", "south", 12, 3, 0.3, 0.25, "roc_auc", np.nan, np.nan, np.nan),
        ],
        columns=["kind", "group", "n_customers", "n_left", "mean_predicted", "mean_observed", "metric", "value", "low",
                 "high"],
    )  # fmt: skip
    text = card_markdown(card(leaks=leaks, drivers=drivers, slices=slices)).replace("\u00a0", " ")
    assert "- reason (filled_for_one_side): It is filled." in text
    assert "| silence | 50.0 % | 0.75 (0.5 to 1) | 25.0 % | days_since_last_purchase |" in text
    assert "spend_90d" not in text
    assert "| region | north | 500 | 200 | 41.0 % | 40.0 % | 0.8 (0.75 to 0.85) | — |" in text
    assert "| region | south | 12 | 3 | 30.0 % | 25.0 % | — | — |" in text


def test_summary_is_short_and_says_how_good_and_what_to_mind():
    words = card_summary(card())
    assert len(words) < 1000
    assert "ROC AUC 0.8125 (0.8 to 0.825)" in words
    assert "Mind: It was judged once." in words


SOLID = Evidence(
    n_customers=10_000, n_left=4000, learnt_rate=0.39, horizon_days=91, span_days=1000, acquisition_days=900,
    n_cutoffs=4, judged_at=3, bins_outside=1, n_bins=10,
)  # fmt: skip


def test_a_solid_model_has_the_one_limit_that_all_have():
    (only,) = limits(SOLID)
    assert "associations" in only


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n_customers": 400, "n_left": 30, "learnt_rate": None}, "only 30 of the rarer outcome"),
        ({"n_left": 300, "learnt_rate": None}, "3.0 % left"),
        ({"learnt_rate": 0.3}, "30.0 % among the rows it learnt from, 40.0 % where it was judged"),
        ({"span_days": 400, "acquisition_days": 90}, "within 90 days at the beginning of 400"),
        ({"span_days": 400, "acquisition_days": 300}, "400 days of facts, and scores look 91 days ahead"),
        ({"judged_at": 1}, "judged at one cut-off and learnt from 4"),
        ({"bins_outside": 4}, "In 4 of 10 bins"),
        ({"leaks": ("reason", "score")}, "named reason, score"),
    ],
)
def test_each_limit_follows_from_its_fact(change, words):
    facts = {name: getattr(SOLID, name) for name in Evidence.__dataclass_fields__} | change
    assert any(words in sentence.replace("\u00a0", " ") for sentence in limits(Evidence(**facts)))


def test_the_reliability_is_drawn_on_both_cards(tmp_path):
    """In the HTML by itself, beside the Markdown as a picture; of the model alone, not of its rivals."""
    drawn = card(calibration=CALIBRATION.replace("model", "<script>window.attacked</script>"))
    markdown, html = write_card(drawn, tmp_path)
    text = html.read_text("utf-8")
    assert text.count("<svg") == 1
    assert "<script>" not in text
    assert "&lt;script&gt;window.attacked&lt;/script&gt;" in text
    assert "days since the last purchase" not in text.partition("<svg")[2].partition("</svg>")[0]
    assert f"]({CALIBRATION_PICTURE})" in markdown.read_text("utf-8")
    assert (tmp_path / CALIBRATION_PICTURE).read_bytes().startswith(b"\x89PNG")


def test_a_card_without_a_calibration_has_no_picture(tmp_path):
    write_card(card(), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [HTML, MARKDOWN]
    assert "<svg" not in card_html(card())


def test_savings_are_told_with_their_interval():
    table = pd.DataFrame(
        [("model", 20, 900.0, 1200.0, 1000.0, 0.1, 0.05, 0.15, np.nan, np.nan, np.nan)],
        columns=list(CAMPAIGN_SAVINGS.names),
    )
    shown = card_markdown(card(savings=table))
    assert "20 customers, saves 10.0 % of what contacting everybody costs (95 % interval 5.0 % to 15.0 %)." in shown
    assert "| the model | 20 | 900 | 10.0\u00a0% | 5.0\u00a0% to 15.0\u00a0% |" in shown

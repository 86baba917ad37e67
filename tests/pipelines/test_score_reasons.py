"""``patronage score explain=true``: the file says why, and the terminal how that is known."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from patronage.schema import SCORE_REASONS, SCORES

MODEL = f"model={Path(__file__).parents[1] / 'golden' / 'bundle_format_1' / 'bundle'}"


def test_reasons_are_in_the_file(patronage, tmp_path):
    process = patronage(tmp_path, "score", MODEL, "explain=true", "explain_direction=raises", "out=why.parquet")
    assert process.returncode == 0, process.stderr
    assert "exact (TreeSHAP)" in process.stdout
    table = pq.read_table(tmp_path / "why.parquet")
    assert tuple(table.column_names) == (*SCORES.names, *SCORE_REASONS.names)
    first = table.select(["reason_1", "reason_1_effect"]).to_pandas().dropna()
    assert len(first) > 10_000
    assert (first["reason_1_effect"] > 0).all()
    texts = table.select(["reason_1", "reason_2", "reason_3"]).to_pandas()
    assert (texts.nunique(axis=1) == texts.notna().sum(axis=1)).all()
    assert first["reason_1"].str.fullmatch(r"no order for [\d,]+ days, usually every [\d,]+").any()


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("explain=maybe", "explain"),
        ("explain_method=best", "explain_method"),
        ("explain_direction=up", "explain_direction"),
    ],
)
def test_what_does_not_fit_is_refused_before_the_work(refused, setting, named):
    code, said = refused("score", MODEL, "explain=true", setting)
    assert code == 2
    assert named in said

"""The manifest of a file of scores: where every row came from and what became of it. It is written last."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from patronage import __version__
from patronage.files import put_in_place, writing
from patronage.scoring.batch import RowScorer
from patronage.scoring.scored_file import ScoredFile
from patronage.scoring.work import Part

FORMAT = 1

PROGRAMS = ("numpy", "scipy", "xgboost", "pyarrow", "duckdb")
"""Whose versions scores, or the bytes of their file, may depend on."""


def versions() -> dict[str, str]:
    """Of patronage and of the programs that it scores and writes with."""
    return {"patronage": __version__, **{name: version(name) for name in PROGRAMS}}


def manifest_of(
    plan: Mapping[str, Any],
    row_scorer: RowScorer,
    kind: str,
    scored: ScoredFile,
    parts: Sequence[Part],
    files: Sequence[Mapping[str, Any]],
    begin: float,
) -> dict[str, Any]:
    """What the manifest says.

    Parameters
    ----------
    plan : mapping
        Of the job: input, model, settings and versions.
    row_scorer : RowScorer
    kind : str
        What the output is.
    scored : ScoredFile
    parts : sequence of Part
    files : sequence of mapping
        Name, bytes and SHA-256 of the files of the output.
    begin : float
        When the job began, in seconds since 1970.
    """
    end = time.time()
    return {
        "format": FORMAT,
        **plan,
        "rows": {
            "in": scored.customers + scored.rejected,
            "scored": scored.customers,
            "rejected": scored.rejected,
            "reasons": scored.reasons,
        },
        "output": {"kind": kind, "path": str(scored.path), "files": list(files)},
        "rejects": str(scored.rejects) if scored.rejects else None,
        "totals": scored.totals,
        "schema": [asdict(column) for column in row_scorer.columns],
        "parts": [asdict(part) for part in parts],
        "timing": {
            "began": _moment(begin),
            "finished": _moment(end),
            "seconds": round(end - begin, 3),
            "rows_per_second": round((scored.customers + scored.rejected) / max(end - begin, 1e-9), 1),
            "parts_taken_over": scored.parts_taken_over,
        },
    }


def write_manifest(manifest: Mapping[str, Any], path: Path, work: Path) -> None:
    """Write a manifest, whole or not at all, by way of a folder on the same disk.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    unfinished = work / "manifest.unfinished"
    with writing(path):
        unfinished.write_text(manifest_text(manifest), encoding="utf-8")
        put_in_place(unfinished, path, work / "manifest.replaced")


def manifest_text(manifest: Mapping[str, Any]) -> str:
    """A manifest as JSON."""
    return json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"


def json_values(facts: Any) -> Any:
    """Facts as they are after a journey through JSON, to be compared with what was read."""
    return json.loads(json.dumps(facts, default=str))


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")

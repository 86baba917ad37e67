"""A scoring job that is killed again and again ends in the bytes of one that was not; this shows it at size.

Usage: python benchmarks/score_kills.py [--customers N] [--kills K] [--longest SECONDS]

The job runs once from first to last; then the same job is started and killed (SIGKILL) K times at random moments, and
let go on until it is done. What is compared is every byte of the scores, and what else lies beside them. The result is
kept in score_kills.csv.
"""

import argparse
import hashlib
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from feature_rows import job_of, write_features
from scoring_kills import killed_until_done

PART_ROWS = 50_000


def main(options):
    from patronage.scoring.job import run_job

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        source = write_features(folder / "features.parquet", options.customers, row_group=122_880)
        begin = time.perf_counter()
        whole = run_job(job_of(source, folder / "whole" / "scores.parquet", PART_ROWS))
        took = time.perf_counter() - begin
        place = folder / "killed"
        place.mkdir()
        begin = time.perf_counter()
        found = killed_until_done(
            source, place / "scores.parquet", PART_ROWS, options.kills, options.longest or took / 2, 3
        )
        same = all(
            hashlib.sha256((place / name).read_bytes()).digest() == hashlib.sha256(whole.path.read_bytes()).digest()
            for name in ("scores.parquet",)
        )
        stray = sorted({path.name for path in place.iterdir()} - {"scores.parquet", "scores.manifest.json"})
    lines = [
        "customers,kills,parts,seconds_without_kills,seconds_with_kills,kills_in_the_middle,kills_after_the_end,same_bytes,"
        "stray_files",
        f"{options.customers},{options.kills},{whole.parts},{took:.1f},{time.perf_counter() - begin:.1f},"
        f"{sum(parts > 0 for parts in found)},{found.count(-1)},{same},{len(stray)}",
    ]
    print("\n".join(lines))
    Path(__file__).with_suffix(".csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=2_000_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--longest", type=float)
    main(parser.parse_args())

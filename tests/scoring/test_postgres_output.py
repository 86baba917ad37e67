"""Scores in a table of a real PostgreSQL server: whole or not at all, whatever happens, and to nobody's harm."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from engines_under_test import postgres_uri
from feature_rows import columns_of, write_features
from feature_rows import job_of as file_job_of
from patronage.errors import ConfigError, InputError, OutputError
from patronage.schema import SCORES
from patronage.scoring import postgres_output
from patronage.scoring.job import run_job
from patronage.scoring.outputs import output_of
from postgres_jobs import job_of
from scoring_kills import killed_until_done
from table_jobs import job_of_table, table_of

N = 2600


@pytest.fixture(scope="module")
def database():
    """A connection to the server, on which there is a schema `scored`."""
    import psycopg

    os.environ["PATRONAGE_TEST_POSTGRES"] = postgres_uri()
    with psycopg.connect(postgres_uri(), autocommit=True) as connection:
        connection.execute("CREATE SCHEMA scored")
        yield connection
        connection.execute("DROP SCHEMA scored CASCADE")
    del os.environ["PATRONAGE_TEST_POSTGRES"]


@pytest.fixture(autouse=True)
def tidy(database):
    yield
    for (table,) in database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'scored'").fetchall():
        database.execute(f'DROP TABLE scored."{table}" CASCADE')


@pytest.fixture
def features(tmp_path):
    return write_features(tmp_path / "features.parquet", N)


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / "daily"
    folder.mkdir()
    return folder


def rows_of(database, table="daily"):
    return database.execute(f"SELECT * FROM scored.{table} ORDER BY customer_id").fetchall()


def manifest_of(database):
    ((text,),) = database.execute("SELECT manifest FROM scored.daily_manifest").fetchall()
    return json.loads(text)


def tables(database):
    found = database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'scored' ORDER BY tablename")
    return [name for (name,) in found.fetchall()]


def test_the_table_holds_what_the_file_would_to_the_last_bit(database, features, place, tmp_path):
    file = run_job(file_job_of(features, tmp_path / "scores.parquet"))
    told = run_job(job_of(features, place, 1000))
    expected = pq.read_table(file.path)
    assert rows_of(database) == [tuple(row.values()) for row in expected.to_pylist()]
    assert told.totals == file.totals
    assert (told.customers, told.rejected, told.rejects, told.parts) == (N, 0, None, 3)
    assert "scored.daily of the database postgres at 127.0.0.1" in told.path
    columns = "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'daily'"
    kinds = dict(database.execute(f"{columns} ORDER BY ordinal_position").fetchall())
    assert tuple(kinds) == SCORES.names
    assert (kinds["as_of"], kinds["clv"], kinds["horizon_days"]) == ("date", "double precision", "bigint")
    manifest = manifest_of(database)
    assert manifest["rows"] == {"in": N, "scored": N, "rejected": 0, "reasons": {}}
    assert manifest["output"]["files"] == [{"name": "scored.daily", "rows": N}]
    assert tables(database) == ["daily", "daily_manifest", "daily_rejects"]
    assert list(place.iterdir()) == []


def test_rejects_go_to_a_table_beside(database, place, tmp_path):
    T = columns_of(50)["T"]
    T[[3, 4]] = np.nan
    ids = np.array([f'C{number}, "Zoë"\n客' for number in range(50)], dtype=object)
    told = run_job(job_of(write_features(tmp_path / "f.parquet", 50, T=T, customer_id=ids), place, 20))
    assert (told.customers, told.rejected, told.rejects) == (48, 2, "scored.daily_rejects")
    found = rows_of(database, "daily_rejects")
    assert [(row[0], row[1], row[2]) for row in found] == [(4, ids[3], "T missing"), (5, ids[4], "T missing")]
    assert json.loads(found[0][3])["frequency"] == columns_of(50)["frequency"][3]
    run_job(job_of(write_features(tmp_path / "f.parquet", 50), place, 20))
    assert rows_of(database, "daily_rejects") == []
    assert manifest_of(database)["rejects"] is None


def test_a_nul_in_a_customer_id_costs_its_row_alone(database, place, tmp_path):
    ids = np.array([f"C{number}" for number in range(50)], dtype=object)
    ids[7] = "a\x00b"
    told = run_job(job_of(write_features(tmp_path / "f.parquet", 50, customer_id=ids), place, 20))
    assert (told.customers, told.reasons) == (49, {"customer_id with a NUL character": 1})
    assert [row[:3] for row in rows_of(database, "daily_rejects")] == [
        (8, "a\\x00b", "customer_id with a NUL character")
    ]
    assert list(place.iterdir()) == []


def test_a_nul_in_a_text_of_the_model_is_told_without_it(database, place):
    job = job_of_table(table_of(60, plan=["a\x00b"]), place / "scores.parquet", 25, reasons=True)
    told = run_job(replace(job, output=output_of(postgres_uri(), "scored.daily", str(place))))
    texts = [text for row in rows_of(database) for text in row if isinstance(text, str)]
    assert told.customers == 60
    assert any("plan is a\\x00b, which the model does not know" in text for text in texts)


def test_missing_values_are_missing_and_texts_are_whole(database, place):
    table = table_of(60, id=['a "b", \\N\n\tZoë'], plan=[""])
    job = job_of_table(table, place / "scores.parquet", 25, reasons=True)
    told = run_job(replace(job, output=output_of(postgres_uri(), "scored.daily", str(place))))
    expected = run_job(job)
    rows = {row["customer_id"]: tuple(row.values()) for row in pq.read_table(expected.path).to_pylist()}
    assert {row[0]: row for row in rows_of(database)} == rows
    assert rows_of(database)[0][1:3] == (None, None)
    assert any(None in row[5:] for row in rows.values())
    assert told.totals == expected.totals


def test_the_table_stays_with_its_views_rights_and_indexes(database, features, place):
    run_job(job_of(features, place, 1000))
    database.execute("CREATE VIEW scored.best AS SELECT customer_id FROM scored.daily ORDER BY clv DESC LIMIT 3")
    database.execute("CREATE ROLE reader; GRANT SELECT ON scored.daily TO reader")
    database.execute("CREATE INDEX by_value ON scored.daily (clv)")
    first = rows_of(database)
    write_features(features, 700, seed=2)
    assert run_job(job_of(features, place, 1000)).customers == 700
    assert len(rows_of(database)) == 700
    assert rows_of(database) != first[:700]
    assert database.execute("SELECT count(*) FROM scored.best").fetchone() == (3,)
    assert database.execute("SELECT has_table_privilege('reader', 'scored.daily', 'SELECT')").fetchone() == (True,)
    database.execute("DROP OWNED BY reader; DROP ROLE reader")
    names = {name for (name,) in database.execute("SELECT indexname FROM pg_indexes WHERE tablename = 'daily'")}
    assert names == {"by_value", "daily_customer_id_idx"}


def test_a_reader_sees_the_earlier_scores_until_the_new_ones_stand(database, features, place):
    run_job(job_of(features, place, 1000))
    write_features(features, 700, seed=2)
    job, seen = job_of(features, place, 1000), []
    publishing = job.output.publishing

    class Watched:
        def __init__(self, inner):
            self.inner = inner

        def __enter__(self):
            published = self.inner.__enter__()
            seen.append(database.execute("SELECT count(*) FROM scored.daily").fetchone()[0])
            return published

        def __exit__(self, *given):
            return self.inner.__exit__(*given)

    job.output.publishing = lambda *given: Watched(publishing(*given))
    run_job(job)
    assert seen == [N]
    assert database.execute("SELECT count(*) FROM scored.daily").fetchone() == (700,)


def test_what_goes_wrong_at_the_end_leaves_all_as_it_was(database, features, place, monkeypatch):
    run_job(job_of(features, place, 1000))
    before, manifest = rows_of(database), manifest_of(database)
    write_features(features, 700, seed=2)
    job = job_of(features, place, 1000)

    def fail(*given):
        raise RuntimeError("a bug")

    monkeypatch.setattr(job.output, "_tell", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        run_job(job)
    assert (rows_of(database), manifest_of(database)) == (before, manifest)
    monkeypatch.undo()
    assert run_job(job_of(features, place, 1000)).parts_taken_over == 1
    assert len(rows_of(database)) == 700
    assert list(place.iterdir()) == []


def test_no_row_that_can_be_scored_leaves_the_scores(database, features, place):
    T = columns_of(N)["T"]
    T[3] = np.nan
    write_features(features, N, T=T)
    run_job(job_of(features, place, 1000))
    before, manifest = rows_of(database, "daily_rejects"), manifest_of(database)
    write_features(features, 20, T=np.full(20, -1.0))
    with pytest.raises(InputError, match=r"None of 20 rows can be scored: .* written to .*\.unscored\.parquet; there"):
        run_job(job_of(features, place, 1000))
    assert (len(rows_of(database)), rows_of(database, "daily_rejects")) == (N - 1, before)
    assert (len(before), manifest_of(database)) == (1, manifest)
    (unscored,) = place.iterdir()
    assert pq.read_metadata(unscored).num_rows == 20
    write_features(features, N)
    run_job(job_of(features, place, 1000))
    assert list(place.iterdir()) == []


def test_a_connection_that_was_lost_while_parts_were_scored_is_made_again(database, features, place):
    def cut(rows):
        database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'patronage score'"
        )

    assert run_job(job_of(features, place, 1000, threads=1), cut).customers == N
    assert len(rows_of(database)) == N


def test_two_jobs_cannot_write_one_table_even_from_two_machines(features, place, tmp_path, monkeypatch):
    elsewhere = tmp_path / "other machine" / "daily"
    elsewhere.mkdir(parents=True)

    monkeypatch.setattr(postgres_output, "SECONDS_TO_NOTICE", 0.3)

    def second(rows):
        for folder, words in ((place, "is being written by another job: process"), (elsewhere, "which came from 127")):
            with pytest.raises(OutputError, match=words):
                run_job(job_of(features, folder, 1000))

    assert run_job(job_of(features, place, 1000, threads=1), second).customers == N


class TestRefusals:
    def test_a_table_that_is_no_table_of_scores_keeps_its_rows(self, database, features, place):
        database.execute("CREATE TABLE scored.daily AS SELECT 'mine' AS note, 1 AS clv")
        with pytest.raises(
            OutputError, match=r"lacks customer_id, .* has note more, and has clv as integer, not double"
        ):
            run_job(job_of(features, place, 1000))
        assert rows_of_note(database) == [("mine", 1)]
        assert tables(database) == ["daily"]

    def test_a_view_is_no_table(self, database, features, place):
        database.execute("CREATE VIEW scored.daily AS SELECT 1 AS clv")
        with pytest.raises(OutputError, match="is no table"):
            run_job(job_of(features, place, 1000))
        database.execute("DROP VIEW scored.daily")

    def test_rights_that_lack_are_noticed_before_the_work(self, database, features, place, monkeypatch):
        run_job(job_of(features, place, 1000))
        database.execute("CREATE ROLE guest LOGIN; GRANT USAGE ON SCHEMA scored TO guest")
        monkeypatch.setenv("PATRONAGE_TEST_POSTGRES", postgres_uri().replace("patronage@", "guest@"))
        scored = []
        with pytest.raises(OutputError, match="permission denied for table daily"):
            run_job(job_of(features, place, 1000), scored.append)
        assert scored == []
        database.execute("DROP OWNED BY guest; DROP ROLE guest")

    def test_schema_that_is_not_there(self, tmp_path):
        with pytest.raises(OutputError, match="has no schema nowhere: make it"):
            output_of(postgres_uri(), "nowhere.scores", str(tmp_path)).check()

    def test_database_that_is_not_there_without_the_password(self, tmp_path):
        uri = postgres_uri().replace("patronage@", "patronage:hunter2@").replace("/postgres", "/nowhere")
        with pytest.raises(OutputError, match="does not exist") as refused:
            output_of(uri, "scores", str(tmp_path)).check()
        assert "hunter2" not in str(refused.value)

    @pytest.mark.parametrize(
        "uri", ["postgresql://u:hunter2@h:port/d", "postgresql://u:p@hunter2@h/d", "postgresql://u:hunter2@[h/d"]
    )
    def test_address_that_cannot_be_read_is_not_repeated(self, uri, tmp_path):
        with pytest.raises((ConfigError, OutputError)) as refused:
            output_of(uri, "scores", str(tmp_path)).check()
        assert "hunter2" not in str(refused.value)

    @pytest.mark.parametrize("table", [None, "", "a.b.c", ".a", "a.", "x" * 60])
    def test_names_of_tables(self, table, tmp_path):
        with pytest.raises(ConfigError, match="out_table"):
            output_of("postgresql://h/d", table, str(tmp_path))

    def test_a_table_of_no_database(self):
        with pytest.raises(ConfigError, match="out names none"):
            output_of("scores.parquet", "scores")


def rows_of_note(database):
    return database.execute("SELECT note, clv FROM scored.daily").fetchall()


@pytest.mark.slow
def test_killed_at_random_moments_readers_see_one_whole_table_or_the_other(database, tmp_path, place):
    source = write_features(tmp_path / "features.parquet", 200)
    run_job(job_of(source, place, 10_000))
    write_features(source, 40_000, seed=2)
    began, seen = time.perf_counter(), []
    run_job(file_job_of(source, tmp_path / "scores.parquet", 2000))
    took = time.perf_counter() - began

    def look():
        with database.transaction():
            database.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            seen.append(database.execute("SELECT count(*) FROM scored.daily").fetchone()[0])
            assert manifest_of(database)["rows"]["scored"] == seen[-1]
            assert seen[-1] in (200, 40_000)

    killed_until_done(source, place, 2000, 12, longest=took, seed=5, maker="postgres_jobs", after=look)
    assert seen[0] == 200
    told = pq.read_table(tmp_path / "scores.parquet").to_pylist()
    assert rows_of(database) == [tuple(row.values()) for row in told]
    assert tables(database) == ["daily", "daily_manifest", "daily_rejects"]
    assert list(place.iterdir()) == []


KILLED = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from postgres_jobs import job_of
from patronage.scoring.job import run_job
run_job(job_of(sys.argv[2], Path(sys.argv[3]), 10_000))
"""


@pytest.mark.slow
def test_killed_while_it_loads_the_earlier_scores_stay_and_it_goes_on(database, tmp_path, place):
    source = write_features(tmp_path / "features.parquet", 200)
    run_job(job_of(source, place, 10_000))
    before, manifest = rows_of(database), manifest_of(database)
    write_features(source, 200_000, seed=2)
    command = [sys.executable, "-c", KILLED, str(Path(__file__).parents[1]), str(source), str(place)]
    loading = 'SELECT count(*) FROM pg_stat_activity WHERE query LIKE \'COPY "scored"."daily" %\''
    with subprocess.Popen(command) as process:
        end = time.monotonic() + 120
        while not database.execute(loading).fetchone()[0]:
            assert time.monotonic() < end
            assert process.poll() is None, "it was faster than its killer"
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
    assert (rows_of(database), manifest_of(database)) == (before, manifest)
    finished = run_job(job_of(source, place, 10_000))
    assert (finished.customers, finished.parts_taken_over) == (200_000, 20)
    count = "SELECT count(*), count(DISTINCT customer_id) FROM scored.daily"
    assert database.execute(count).fetchone() == (200_000, 200_000)
    assert manifest_of(database)["rows"]["scored"] == 200_000
    assert tables(database) == ["daily", "daily_manifest", "daily_rejects"]
    assert list(place.iterdir()) == []

"""Places for scores: only earlier scores are replaced, each manifest is of one output, and links are followed."""

import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feature_rows import job_of, write_features
from patronage.errors import ConfigError, OutputError, SourceError
from patronage.schema import MODEL_INPUT
from patronage.scoring import feature_rows as feature_rows_of
from patronage.scoring import outputs
from patronage.scoring.feature_rows import FeatureRows, found_files
from patronage.scoring.job import run_job
from patronage.scoring.outputs import output_of
from patronage.scoring.places import Given, refuse_overwriting
from patronage.scoring.publishing import writes_of
from patronage.scoring.repeated import repeated_customers


@pytest.fixture
def features(tmp_path):
    return write_features(tmp_path / "f.parquet", 50)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("harm", ["features", "no parquet", "folder"])
def test_a_folder_is_replaced_only_if_all_of_it_is_scores(tmp_path, features, harm):
    run_job(job_of(features, tmp_path / "s", 20))
    strange = tmp_path / "s" / "part-00001.parquet"
    strange.unlink()
    if harm == "features":
        write_features(strange, 20)
    elif harm == "folder":
        strange.mkdir()
    else:
        strange.write_bytes(b"PAR1")
    with pytest.raises(OutputError, match=r"holds 1 things that are no parts of scores, such as part-00001.parquet"):
        run_job(job_of(features, tmp_path / "s"))
    assert names_in(tmp_path / "s") == [f"part-0000{number}.parquet" for number in range(3)]


def test_a_folder_of_scores_is_replaced_though_its_manifest_is_gone_and_an_empty_one_too(tmp_path, features):
    run_job(job_of(features, tmp_path / "s", 20)).manifest.unlink()
    assert run_job(job_of(features, tmp_path / "s", 30)).parts == 2
    (tmp_path / "empty").mkdir()
    assert run_job(job_of(features, tmp_path / "empty")).customers == 50


@pytest.mark.parametrize(("first", "second"), [("s", "s.parquet"), ("s.parquet", "s")])
def test_a_file_and_a_folder_of_one_name_do_not_share_a_manifest(tmp_path, features, first, second):
    earlier = run_job(job_of(features, tmp_path / first))
    told = earlier.manifest.read_bytes()
    with pytest.raises(OutputError, match=rf"s.manifest.json belongs to the scores in .*/{first}, and those of"):
        output_of(str(tmp_path / second)).check()
    with pytest.raises(OutputError, match=r"Name another out=..., or remove"):
        run_job(job_of(features, tmp_path / second))
    assert names_in(tmp_path) == sorted(["f.parquet", first, "s.manifest.json"])
    assert earlier.manifest.read_bytes() == told
    # Once those scores are gone, the name is free.
    (tmp_path / first).rename(tmp_path / "elsewhere")
    assert json.loads(run_job(job_of(features, tmp_path / second)).manifest.read_text())["output"]["kind"] != told


def test_a_manifest_that_appears_meanwhile_is_left_alone_and_nothing_is_lost(tmp_path, features):
    def meanwhile(rows):
        run_job(job_of(features, tmp_path / "s"))

    job = job_of(features, tmp_path / "s.parquet")
    with pytest.raises(OutputError, match=r"belongs to the scores in .*Nothing of the output was changed. 1 finished"):
        run_job(job, meanwhile)
    assert json.loads((tmp_path / "s.manifest.json").read_text())["output"]["kind"] == "dataset"
    assert not (tmp_path / "s.parquet").exists()


def test_a_file_that_is_scored_is_not_replaced_by_whoever_makes_the_job(tmp_path, features):
    before = features.read_bytes()
    for out in (features, tmp_path / "link.parquet"):
        if out != features:
            out.symlink_to(features)
        with pytest.raises(ConfigError, match=r"would replace what is given as the input=.*f.parquet"):
            run_job(job_of(features, out))
    assert features.read_bytes() == before


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Files, folders and links, in the folder where the test runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parts" / "deep").mkdir(parents=True)
    for name in ("f.parquet", "parts/part-00000.parquet", "parts/deep/part-00001.parquet", "s.rejects.parquet"):
        (tmp_path / name).touch()
    (tmp_path / "link.parquet").symlink_to("f.parquet")
    (tmp_path / "way").symlink_to("parts")
    (tmp_path / "parts" / "out.parquet").symlink_to("../elsewhere.parquet")


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize(
    ("given", "out", "words"),
    [
        ("f.parquet", "./parts/../f.parquet", "would replace what is given as input=f.parquet"),
        ("link.parquet", "f.parquet", "would replace what is given as input=link.parquet"),
        ("f.parquet", "link.parquet", "would replace what is given as input=f.parquet"),
        ("parts", "parts", "would replace what is given as input=parts"),
        ("way", "parts", "would replace what is given as input=way"),
        ("parts/part-00000.parquet", "way", "would replace a folder that holds what is given as"),
        ("parts/*.parquet", "parts", "would replace a folder that holds what is given as input=parts/*.parquet"),
        ("parts/deep", "parts", "would replace a folder that holds what is given as input=parts/deep"),
        ("parts", "parts/deep/s.parquet", "would be among the files that the next job reads by input=parts"),
        ("parts", "way/scores", "would be among the files that the next job reads by input=parts"),
        (".", "outputs/scores.parquet", "would be among the files that the next job reads by input=."),
        ("*.parquet", "new.parquet", "would be among the files that the next job reads by input=*.parquet"),
        ("*.parquet", "new", "The rejects of out=new (new.rejects.parquet) would be among the files"),
        ("parts/**/*.parquet", "parts/new/s.parquet", "would be among the files that the next job reads"),
        ("p*/*.parquet", "plus", "would be among the files that the next job reads"),
        ("s.rejects.parquet", "s.parquet", "The rejects of out=s.parquet (s.rejects.parquet) would replace what"),
        ("s.rejects.parquet", "s", "The rejects of out=s (s.rejects.parquet) would replace what is given"),
        ("file://f.parquet", "f.parquet", "would replace what is given as"),
        ("parts", "elsewhere.parquet", "would replace what is given as input=parts"),
        (".s.parquet.work/input.parquet", "s.parquet", "The work folder of the job (.s.parquet.work) would replace a"),
    ],
)
def test_every_spelling_of_a_place_that_is_read_is_known(given, out, words):
    written = writes_of(output_of(out))
    with pytest.raises(ConfigError) as refused:
        refuse_overwriting(written, [Given("ledger.path", "nowhere.csv"), Given("input", given)])
    assert words in str(refused.value)


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize(
    ("given", "out"),
    [
        ("f.parquet", "g.parquet"), ("f.parquet", "f"), ("parts", "parts.parquet"), ("parts", "parts2"),
        ("parts/*.parquet", "parts/deep/s.parquet"), ("*.parquet", "parts/s.parquet"),
        ("parts/deep", "parts/s.parquet"),
        ("*/deep/*.parquet", "parts/s.parquet"), ("*/f.parquet", "f.parquet"), ("", "s.parquet"),
    ],
)  # fmt: skip
def test_places_that_only_look_alike_are_not_refused(given, out):
    refuse_overwriting(writes_of(output_of(out)), [Given("input", given)] if given else [])


def test_a_link_is_followed(tmp_path, features):
    real = tmp_path / "disk"
    real.mkdir()
    for name in ("current.parquet", "current"):
        link = tmp_path / name
        link.symlink_to(real / name.replace("current", "daily"))
        for _ in range(2):
            finished = run_job(job_of(features, link))
            assert link.is_symlink()
            assert pq.read_table(link).num_rows == 50
            assert finished.manifest == real / "daily.manifest.json"
        link.unlink()
        (real / "daily.manifest.json").unlink()
    assert names_in(tmp_path) == ["disk", "f.parquet"]
    (tmp_path / "round").symlink_to("round")
    with pytest.raises(ConfigError, match="leads nowhere"):
        output_of(str(tmp_path / "round"))


def test_parts_of_a_job_that_was_stopped_are_no_input(tmp_path):
    for name in ("a.parquet", ".s.work/part-00000.parquet", "_b.parquet", ".c.parquet", "d/e.parquet"):
        (tmp_path / ".hidden" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / ".hidden" / name).touch()
    found = [path.relative_to(tmp_path / ".hidden").as_posix() for path in found_files(tmp_path / ".hidden")]
    assert found == ["a.parquet", "d/e.parquet"]


def test_ids_that_cannot_be_read_are_said_in_our_words(tmp_path, features):
    rows = FeatureRows([features], job_of(features, tmp_path / "s").row_scorer.scorer.bundle.inputs)
    os.truncate(features, 100)
    with pytest.raises(SourceError, match="cannot be read as Parquet"):
        repeated_customers(rows.ids)


def test_no_lock_is_left(tmp_path, features):
    with outputs.alone_with(tmp_path / "s.manifest.json"):
        assert (tmp_path / ".s.manifest.json.lock").exists()
    assert names_in(tmp_path) == ["f.parquet"]


@pytest.mark.parametrize("what", ["parts", "ids"])
def test_reading_holds_no_more_of_a_long_file_than_of_a_short_one(tmp_path, monkeypatch, what):
    """By Arrow's own account of what it holds; a reader that goes through all row groups holds all of them."""
    monkeypatch.setattr(feature_rows_of, "ROWS_AT_ONCE", 4_000)

    def most_held(n):
        rows = FeatureRows([write_features(tmp_path / f"{n}.parquet", n, row_group=2_000)], MODEL_INPUT)
        before, held, read = pa.total_allocated_bytes(), [], 0
        for table in rows.parts(0, 3_000) if what == "parts" else rows.ids():
            read += table.num_rows
            held.append(pa.total_allocated_bytes() - before)
        assert read == n
        return max(held)

    assert most_held(100_000) < 1.5 * most_held(12_000)

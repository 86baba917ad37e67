"""The log of decisions: one champion at a time, whoever is at it, and a trace of everything."""

import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from patronage.errors import ModelError, PromotionError
from patronage.tracking import promotion
from patronage.tracking.promotion import Decision, Head, carry_out, enter_refusal, history, read_head, record_evidence
from patronage.tracking.store import TrackingStore

VERSIONS = ("1", "2", "3", "4")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry of four versions, the first of which is champion; models are not needed to decide about them."""
    folder = tmp_path_factory.mktemp("registry")
    store = store_at(folder)
    with store.session(create=True) as mlflow:
        client = mlflow.tracking.MlflowClient()
        client.create_registered_model("patronage")
        for _ in VERSIONS:
            client.create_model_version("patronage", source=folder.as_uri(), description="The card.")
        client.set_registered_model_alias("patronage", "champion", "1")
    return folder / "mlflow.db"


@pytest.fixture
def store(template: Path, tmp_path: Path) -> TrackingStore:
    shutil.copy(template, tmp_path / "mlflow.db")
    return store_at(tmp_path)


def store_at(folder: Path) -> TrackingStore:
    return TrackingStore(f"sqlite:///{folder}/mlflow.db", str(folder / "artifacts"), "patronage", "patronage")


def to(version: str, head: Head, by: str = "ann", reason: str = "log loss better by 0.01") -> Decision:
    return Decision("promoted", version, head.champion, reason, by)


def version_of(store: TrackingStore, version: str):
    with store.session() as mlflow:
        return mlflow.tracking.MlflowClient().get_model_version("patronage", version)


def test_promotion_moves_the_alias_and_is_written_on_the_version(store):
    head = read_head(store)
    assert head == Head("1", 0)
    carry_out(store, head, to("2", head))
    assert read_head(store).champion == "2"
    found = version_of(store, "2")
    told = {name.rpartition(".")[2]: value for name, value in found.tags.items()}
    assert (told["decision"], told["against"], told["by"], told["reason"]) == (
        "promoted", "1", "ann", "log loss better by 0.01",
    )  # fmt: skip
    assert found.description.startswith("The card.\n\n## Promotion\n\n")
    assert "ann: version 2 was promoted. log loss better by 0.01" in found.description


def test_second_promotion_on_the_same_head_is_told_who_was_faster(store):
    head = read_head(store)
    carry_out(store, head, to("2", head))
    with pytest.raises(PromotionError, match=r"faster \(.* UTC, ann: version 2 was promoted\).* against version 1"):
        carry_out(store, head, to("3", head, by="bob"))
    assert read_head(store).champion == "2"
    assert [(one.decision.by, one.state) for one in history(store)] == [("ann", "done"), ("bob", "withdrawn")]


def test_a_new_judgement_after_a_lost_one_succeeds(store):
    head = read_head(store)
    carry_out(store, head, to("2", head))
    with pytest.raises(PromotionError):
        carry_out(store, head, to("3", head))
    again = read_head(store)
    carry_out(store, again, to("3", again))
    assert read_head(store).champion == "3"


def test_claim_that_is_being_carried_out_is_in_the_way_and_a_dead_one_is_not(store, monkeypatch):
    head = read_head(store)
    with store.session(create=True) as mlflow:
        client = mlflow.tracking.MlflowClient()
        promotion._enter(mlflow, client, store, to("2", head, by="slow"), "claimed")
    later = read_head(store)
    with pytest.raises(PromotionError, match=r"being carried out .*slow"):
        carry_out(store, later, to("3", later))

    def alive(one, _now):
        return one.state == "claimed" and one.decision.by != "slow"

    monkeypatch.setattr(promotion.Entry, "pending", alive)
    carry_out(store, later, to("4", later))
    assert read_head(store).champion == "4"


def test_a_claim_grows_old():
    decision = to("2", Head("1", 0))
    entry = promotion.Entry(1, promotion.datetime(2026, 1, 1, tzinfo=promotion.UTC), "claimed", decision)
    assert entry.pending(entry.at + timedelta(seconds=promotion.CLAIM_SECONDS - 1))
    assert not entry.pending(entry.at + timedelta(seconds=promotion.CLAIM_SECONDS))
    assert not replace(entry, state="done").pending(entry.at)


def test_champion_set_by_hand_is_noticed(store):
    head = read_head(store)
    with store.session() as mlflow:
        mlflow.tracking.MlflowClient().set_registered_model_alias("patronage", "champion", "4")
    with pytest.raises(PromotionError, match="The champion is version 4 now, set by hand"):
        carry_out(store, head, to("2", head))
    assert read_head(store).champion == "4"


def test_refusal_is_kept_and_stands_in_nobodys_way(store):
    head = read_head(store)
    enter_refusal(store, Decision("refused", "2", "1", "log loss worse by 0.02", "ann", "run"))
    assert version_of(store, "2").tags["patronage.promotion.decision"] == "refused"
    carry_out(store, head, to("3", head))
    assert [one.decision.action for one in history(store)] == ["refused", "promoted"]
    assert history(store)[0].decision.run_id == "run"


def test_last_decision_replaces_the_one_before_in_the_description(store):
    for reason in ("first words", "second words"):
        enter_refusal(store, Decision("refused", "2", "1", reason, "ann"))
    description = version_of(store, "2").description
    assert "second words" in description
    assert "first words" not in description
    assert description.count("## Promotion") == 1


def test_rollback_is_an_entry_like_any_other(store):
    head = read_head(store)
    carry_out(store, head, to("2", head))
    back = read_head(store)
    carry_out(store, back, Decision("rolled back", "1", "2", "wrong prices in May", "bob"))
    assert read_head(store).champion == "1"
    assert [(one.decision.against, one.decision.version) for one in history(store)] == [("1", "2"), ("2", "1")]


def test_long_reasons_are_cut_not_refused(store):
    head = read_head(store)
    carry_out(store, head, to("2", head, reason="because " * 2000))
    assert read_head(store).champion == "2"
    with store.session(create=False) as mlflow:
        # What a database of a server takes; SQLite takes anything.
        told = [one.description for one in mlflow.tracking.MlflowClient().search_model_versions()]
    assert max(map(len, told)) <= 5000


def test_evidence_is_a_run_of_its_own(store):
    import pandas as pd

    tables = {"checks": pd.DataFrame({"name": ["a"], "holds": [True]})}
    run_id = record_evidence(store, "promotion of 2", {"seed": 0}, {"earned": True}, {"earned": 1.0}, tables)
    with store.session() as mlflow:
        run = mlflow.get_run(run_id)
        assert mlflow.artifacts.load_dict(f"runs:/{run_id}/decision.json") == {"earned": True}
        assert "name,holds" in mlflow.artifacts.load_text(f"runs:/{run_id}/tables/checks.csv")
    assert run.data.tags["patronage.kind"] == "promotion"
    assert run.data.metrics == {"earned": 1.0}


def test_registry_without_the_model_says_so(tmp_path):
    store = store_at(tmp_path)
    with store.session(create=True):
        pass
    with pytest.raises(ModelError, match="no model 'patronage': run `patronage train` first"):
        read_head(store)


RACE = """
import sys
from patronage.errors import PromotionError
from patronage.tracking.promotion import Decision, Head, carry_out, read_head
from patronage.tracking.store import TrackingStore

folder, version = sys.argv[1:]
store = TrackingStore(f"sqlite:///{folder}/mlflow.db", f"{folder}/artifacts", "patronage", "patronage")
head = read_head(store)
print("ready", flush=True)
sys.stdin.readline()
try:
    carry_out(store, head, Decision("promoted", version, head.champion, "better", f"process {version}"))
    print("won")
except PromotionError as error:
    print("lost", error)
"""


@pytest.mark.slow
def test_of_processes_that_promote_at_once_exactly_one_wins(store, tmp_path):
    """Real processes on one store, let loose together; the others are told why, and the alias is the winner's."""
    racers = {
        version: subprocess.Popen(
            [sys.executable, "-c", RACE, str(tmp_path), version],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for version in VERSIONS[1:]
    }  # fmt: skip
    for racer in racers.values():
        assert racer.stdout.readline() == "ready\n"
    for racer in racers.values():
        racer.stdin.write("go\n")
        racer.stdin.flush()
    found = {version: racer.communicate(timeout=120)[0] for version, racer in racers.items()}
    (winner,) = [version for version, told in found.items() if told == "won\n"]
    assert read_head(store).champion == winner
    for version, told in found.items():
        if version != winner:
            assert told.startswith("lost Another promotion")
            assert f"process {winner}: version {winner} was promoted" in told
    assert sorted(one.state for one in history(store)) == ["done", "withdrawn", "withdrawn"]

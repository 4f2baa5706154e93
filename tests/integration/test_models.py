"""From imported leads to a model in charge: learned, promoted, noticed by whoever runs, reverted."""

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import cli
from pipeline.errors import GiveUp
from pipeline.settings.loader import Settings
from pipeline.storage.models import champions
from pipeline.storage.models.champions import ChampionChange
from pipeline.wiring import Services
from schemas.score import Engine
from tasks.scoring import score_leads
from tests.integration.learned import learned
from tests.integration.rows import aside, blocked, execute, rows, save, told
from tests.support.serving import in_this_process
from tests.support.waiting import eventually
from tests.unit.pipeline.learning.leads import examples

LEADS = 400
NOTICED_S = 5


def service6(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, arguments)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("leads") / "leads.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        known = examples(LEADS)
        writer.writerow(["code", "since", *known[0].attributes, "closed"])
        for example in known:
            outcome = "deal" if example.won else "gone"
            writer.writerow([f"c{example.lead_id}", example.as_of.isoformat(), *example.attributes.values(), outcome])
    return path


@pytest.fixture
def candidate(services: Services, settings: Settings, table: Path) -> str:
    """The version of a model that was learned from an import."""
    layout = ["--id", "code", "--created", "since", "--outcome", "closed", "--won", "deal"]
    assert service6("import", "leads", str(table), "--source", "other", *layout).exit_code == 0
    with in_this_process(services):
        version = learned(services).version
    told = json.loads(service6("models", "show", str(version), "--json").stdout)
    assert told["trained_on"]["leads"] + told["tested_on"]["leads"] == LEADS
    assert {"source", "visits"} <= {term["attribute"] for term in told["importances"]}
    return str(version)


def engine_in_charge(services: Services) -> Engine:
    return services.champion.scorer.model.engine


def test_what_was_learned_from_an_import_scores_after_its_promotion_without_a_restart(
    celery: Services, candidate: str
) -> None:
    assert engine_in_charge(celery) == Engine.SCORECARD
    promoted = service6("models", "promote", candidate)
    assert (promoted.exit_code, promoted.stdout) == (0, f"{candidate} is in charge, instead of the scorecard\n")
    eventually(lambda: engine_in_charge(celery) == Engine.GLASSBOX, within_s=NOTICED_S)
    [lead] = save(celery, [told(celery, "new", source="referral", visits=7)])
    score_leads([lead])
    [score] = rows(celery, "SELECT s.*, m.version FROM scores s JOIN model_versions m ON m.id = s.model_id")
    assert score["version"] == candidate
    sheet = json.loads(service6("score", str(lead), "--json").stdout)["score"]
    assert (sheet["engine"], sheet["model_version"]) == (Engine.GLASSBOX, candidate)
    shown = sheet["base"] + sum(factor["points"] for factor in sheet["factors"]) + sheet["others"]
    assert shown == pytest.approx(sheet["score"], abs=0.01)

    assert service6("models", "revert").stdout == (
        f"the scorecard is in charge, instead of {candidate}\n"
        "1 leads bear another version's score; `service6 rescore` renews them\n"
    )
    eventually(lambda: engine_in_charge(celery) == Engine.SCORECARD, within_s=NOTICED_S)
    assert service6("models", "revert").exit_code == 1
    actions = [row["action"] for row in rows(celery, "SELECT action FROM audit_log ORDER BY id")]
    assert actions == ["promote", "revert"]


def test_a_damaged_model_is_not_promoted_and_leaves_the_one_in_charge(services: Services, candidate: str) -> None:
    with services.session() as db:
        champions.promote(db, candidate)
    eventually(lambda: services.champion.scorer.model.version == candidate, within_s=NOTICED_S)
    with services.session() as db:
        [whole] = rows(services, "SELECT artefact FROM model_versions WHERE version = :version", version=candidate)
        champions.add(db, "glassbox-damaged", "glassbox", whole["artefact"], champions.find(db, candidate).card)
    execute(services, DAMAGE, version="glassbox-damaged")
    refused = service6("models", "promote", "glassbox-damaged")
    assert refused.exit_code == 1
    assert "checksum" in refused.stderr
    # And where it was damaged after its promotion:
    with services.session() as db:
        champions.promote(db, "glassbox-damaged")
        promoted = champions.champion(db)
    assert promoted != services.champion.model_id
    services._champion_read = 0.0
    assert services.champion.scorer.model.version == candidate


def test_two_that_promote_at_once_leave_one_in_charge(services: Services) -> None:
    with services.session() as db:
        for version in ("a", "b"):
            champions.add(db, version, "glassbox", {}, {})

    def second() -> ChampionChange:
        with services.session() as db:
            return champions.promote(db, "b")

    with services.session() as first:
        assert champions.promote(first, "a") == (None, "a")
        with aside(second) as promoting:
            blocked(services.engine)
            first.commit()
            assert promoting.result() == ("a", "b")
    assert [row["version"] for row in rows(services, IN_CHARGE)] == ["b"]
    with services.session() as db:
        assert champions.revert(db) == ("b", "a")
    assert [row["version"] for row in rows(services, IN_CHARGE)] == ["a"]


def test_the_database_itself_refuses_a_second_champion(services: Services) -> None:
    with services.session() as db:
        for version in ("a", "b"):
            champions.add(db, version, "glassbox", {}, {})
    execute(services, "UPDATE model_versions SET stage = 'champion' WHERE version = 'a'")
    with pytest.raises(GiveUp, match="23505"):
        execute(services, "UPDATE model_versions SET stage = 'champion' WHERE version = 'b'")


def test_without_a_learned_model_the_list_says_so(services: Services) -> None:
    services.champion  # noqa: B018 - a scorecard is stored, and is none
    assert "no learned models" in service6("models", "list").stdout
    assert service6("models", "show", "x").exit_code == 1


IN_CHARGE = "SELECT version FROM model_versions WHERE stage = 'champion'"


def test_what_is_damaged_is_not_reinstated(services: Services, candidate: str) -> None:
    with services.session() as db:
        champions.promote(db, candidate)
        [whole] = rows(services, "SELECT artefact FROM model_versions WHERE version = :version", version=candidate)
        champions.add(db, "glassbox-later", "glassbox", whole["artefact"], champions.find(db, candidate).card)
        champions.promote(db, "glassbox-later")
    execute(services, DAMAGE, version=candidate)
    refused = service6("models", "revert")
    assert refused.exit_code == 1
    assert "checksum" in refused.stderr
    assert [row["version"] for row in rows(services, IN_CHARGE)] == ["glassbox-later"]
    assert rows(services, "SELECT id FROM audit_log") == []


DAMAGE = "UPDATE model_versions SET artefact = jsonb_set(artefact, '{intercept}', '9') WHERE version = :version"

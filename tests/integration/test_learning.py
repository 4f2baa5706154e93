"""Learning end to end: from nothing but webhooks, and from the table of a business that nobody has seen before."""

import csv
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import cli
from pipeline.monitoring.accuracy import roc_auc
from pipeline.storage.models import training_examples
from pipeline.wiring import Services
from schemas.example import Example
from schemas.score import Engine
from tests.integration.rows import rows, value
from tests.support.serving import api, worker
from tests.support.waiting import eventually
from workers.simulator.hidden_rule import FLAGS, NUMBERS, WORDS, HiddenRule

WEBHOOKS = 6000
SEED = 1
NEAR = 0.02  # of the rule's own ROC-AUC
TOLD_FIRST = {*WORDS, *NUMBERS, *FLAGS, "favourite_colour"}
NOTICED_S = 5


def service6(*arguments: str) -> Result:
    done = CliRunner().invoke(cli.main, arguments)
    assert done.exit_code == 0, done.output
    return done


def learned(services: Services) -> tuple[str, dict[str, Any]]:
    """The version of a model that has just been trained and put in charge, and its card."""
    with worker(services.settings, "learning"):
        made = json.loads(service6("train", "--json").stdout)
    service6("models", "promote", made["version"])
    return made["version"], made["card"]


@pytest.mark.timeout(400)
def test_what_is_learned_from_webhooks_alone_is_nearly_as_good_as_the_rule_behind_them(services: Services) -> None:
    with api(services.settings) as served:
        pace = ["--rate", str(WEBHOOKS // 2), "--seconds", "2"]
        sent = service6("simulate", "--outcomes", "--seed", str(SEED), *pace, "--url", served.url, "--json")
    told = json.loads(sent.stdout)
    assert (told["sent"], told["accepted"]) == (WEBHOOKS, WEBHOOKS)
    ended = told["decided"]["won"] + told["decided"]["lost"]
    assert value(services, "SELECT count(outcome) FROM leads") == ended > WEBHOOKS / 4
    assert 0.7 < told["decided"]["roc_auc"] < 0.95

    with services.session() as db:
        split = training_examples.split(db)
    # What was told while they were worked on and when they ended is not learned from: it tells the outcome.
    late = rows(services, "SELECT 1 FROM leads WHERE attributes ?| ARRAY['contract_value', 'lost_reason', 'meetings']")
    assert len(late) >= ended
    assert {name for example in split.older for name in example.attributes} == TOLD_FIRST
    version, card = learned(services)
    assert card["readiness"] == "ready"
    assert card["trained_on"]["imported"] == card["tested_on"]["imported"] == 0
    assert abs(card["quality"]["roc_auc"] - _rule_auc(split.newer)) <= NEAR
    eventually(lambda: services.champion.scorer.model.version == version, within_s=NOTICED_S)


def _rule_auc(newest: Sequence[Example]) -> float:
    rule = HiddenRule(SEED)
    logits = np.array([rule.logit(example.attributes) for example in newest])
    return roc_auc(logits, np.array([example.won for example in newest]))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Of a gym, as a German spreadsheet exports it: semicolons, dates with the day first, words for outcomes."""
    path = tmp_path / "anfragen.csv"
    chance = Random(5)
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["Nr.", "Eingang", "Name", "E-Mail", "Weg", "Alter", "Probetraining", "Bemerkung", "Ergebnis"])
        for n in range(600):
            way, age, trial = chance.choice(("Empfehlung", "Plakat", "Suche")), chance.randint(16, 70), chance.random()
            good = chance.random() < {"Empfehlung": 0.7, "Plakat": 0.1, "Suche": 0.35}[way] + 0.25 * (trial < 0.5)
            came = (datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=9 * n)).strftime("%d.%m.%Y %H:%M")
            person = [f"Erika Muster {n}", f"erika{n}@example.com"]
            facts = [way, age, "ja" if trial < 0.5 else "nein", f"Anfrage {n}", "Vertrag" if good else "Absage"]
            writer.writerow([f"A-{n}", came, *person, *facts])
    return path


def test_the_table_of_another_business_becomes_a_model_in_charge_without_touching_code(
    services: Services, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE6_LEARNING__SEGMENTS", '["weg", "Probetraining"]')
    layout = ["--id", "Nr.", "--created", "Eingang", "--outcome", "Ergebnis", "--won", "Vertrag"]
    service6("import", "leads", str(table), "--source", "gym", *layout)
    assert value(services, "SELECT count(*) FROM lead_contacts") == 600
    version, card = learned(services)
    assert {term["attribute"] for term in card["importances"]} >= {"weg", "probetraining"}
    assert {"bemerkung"} <= {out["attribute"] for out in card["left_out"]}
    assert card["quality"]["roc_auc"] > 0.7
    assert card["quality"]["lift"][-1] == {"share": 1, "lift": 1}
    segments = {(one["attribute"], one["value"]): one for one in card["segments"]}
    assert {value for attribute, value in segments if attribute == "weg"} == {"Empfehlung", "Plakat", "Suche"}
    assert segments["weg", "Empfehlung"]["selected"] > segments["weg", "Plakat"]["selected"]
    assert sum(one["leads"] for one in card["segments"]) == 2 * card["tested_on"]["leads"]
    eventually(lambda: services.champion.scorer.model.engine == Engine.GLASSBOX, within_s=NOTICED_S)
    assert services.champion.scorer.model.version == version
    scored = services.champion.scorer.attempt({"Weg": "Empfehlung", "Probetraining": "ja"}, datetime.now(UTC))
    assert (
        scored.score
        > services.champion.scorer.attempt({"Weg": "Plakat", "Probetraining": "nein"}, datetime.now(UTC)).score
    )

"""An outbox row becomes the event and the routing that the contracts describe."""

import json

import orjson
import pytest

from pipeline.errors import GiveUp
from schemas.event import Routing, ScoreChanged
from tests.support.feed import scored
from workers.publisher import entry


def test_what_only_the_write_knew_is_filled_in() -> None:
    row = scored(7, 9, owner="ann", previous_owner="bob")
    made = entry(row)
    change = ScoreChanged.model_validate_json(made.event)
    assert (change.key, change.rev, change.at) == ("lead:7", 9, row.at)
    assert (change.body.score.rev, change.body.score.updated_at) == (9, row.at)
    assert change.body.previous_score == row.previous_score
    assert Routing.model_validate_json(made.routing) == Routing(owner="ann", previous_owner="bob")


def test_routing_is_no_part_of_the_event() -> None:
    assert b"a former owner" not in entry(scored(previous_owner="a former owner")).event


@pytest.mark.parametrize("body", ["", "no json", "[]", "{}", "null", '{"score":1}'])
def test_a_body_that_is_no_scored_lead_is_given_up_and_not_echoed(body: str) -> None:
    with pytest.raises(GiveUp) as caught:
        entry(scored()._replace(body=body))
    assert len(body) < 3 or body not in str(caught.value)


@pytest.mark.parametrize(
    "body", ['{"a": [1, {"b": null}], "long": 123456789012345678901234567890}', "[]", "7", '"text"', "null", "{}"]
)
def test_a_kind_that_a_newer_version_writes_is_passed_on_whole(body: str) -> None:
    row = scored(owner="ann", previous_owner="bob")._replace(kind="call", key="call:5", body=body, previous_score=None)
    made = entry(row)
    told = json.loads(made.event)
    at = row.at.isoformat().replace("+00:00", "Z")
    assert told == {"kind": "call", "key": "call:5", "rev": row.rev, "at": at, "v": 1, "body": json.loads(body)}
    assert orjson.loads(made.routing) == {"owner": "ann", "previous_owner": "bob"}


def test_of_a_newer_kind_no_column_is_lost() -> None:
    assert orjson.loads(entry(scored()._replace(kind="call", body='{"a":1}')).event)["body"] == {
        "a": 1,
        "previous_score": 42.5,
    }


@pytest.mark.parametrize("body", ["", "no json", "{", '{"a": NaN}'])
def test_what_is_no_json_is_given_up_whatever_its_kind(body: str) -> None:
    for kind in ("call", "run", "alarm"):
        with pytest.raises(GiveUp):
            entry(scored()._replace(kind=kind, body=body, previous_score=None))


def test_times_are_utc() -> None:
    assert orjson.loads(entry(scored()).event)["at"].endswith("Z")

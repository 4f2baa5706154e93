"""An outbox row becomes the event and the routing that the contracts describe."""

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


def test_an_unknown_kind_is_given_up() -> None:
    with pytest.raises(GiveUp):
        entry(scored()._replace(kind="call"))


def test_times_are_utc() -> None:
    assert orjson.loads(entry(scored()).event)["at"].endswith("Z")

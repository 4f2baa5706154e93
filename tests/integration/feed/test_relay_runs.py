"""Runs on the feed: who hears of them, and that a million changed leads are told only where somebody looks."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np
import orjson
import pytest

from pipeline.redis_store.change_stream import ChangeStream
from pipeline.redis_store.changed_leads import ChangedLeads, pack
from pipeline.storage.operations.outbox import OutboxRow
from schemas.access import Role
from schemas.run import LeadFilter, Run, RunState
from tests.integration.feed.conftest import Message, Publish, Reader, RelayServer, StartRelay
from workers import publisher

NOW = datetime.now(UTC)
END = {"lead": 99, "rev": 1, "owner": "ann"}
OWNERS = ("ann", "bob", None)


def slice_of(leads: Sequence[int], *, rev: int = 7, run_rev: int = 1) -> OutboxRow:
    """Leads whose owners take turns."""
    count = len(leads)
    changed = ChangedLeads(
        ids=np.array(leads),
        revs=np.full(count, rev),
        scores=np.full(count, 61.3, np.float32),
        previous=np.full(count, 42.5, np.float32),
        tiers=np.full(count, b"B"),
        owners=(np.arange(count) % 3).astype(np.uint16),
        names=OWNERS,
    )
    run = Run(
        id="1", state=RunState.RUNNING, reason="operator", actor="ada", filter=LeadFilter(owners=("bob's secret",)),
        model_version="scorecard-1", as_of=NOW, rate=None, created_at=NOW, finished_at=None, error=None,
        leads_total=10, leads_done=3, leads_changed=3, tiers_changed=1, leads_per_second=9.5, seconds_left=1.0,
        rev=run_rev,
    )  # fmt: skip
    body = orjson.dumps({"run": run.model_dump(mode="json"), "leads": pack(changed)}).decode()
    return OutboxRow(1, "slice", "run:1", run_rev, NOW, None, None, None, body)


Tell = Callable[..., None]


@pytest.fixture
def tell(feed: ChangeStream) -> Tell:
    """Appends a slice as the publisher would."""

    def append(leads: Sequence[int], **more: int) -> None:
        feed.append([publisher.entry(slice_of(leads, **more))])

    return append


def subscribe(reader: Reader, *, watch: Sequence[int] = (), position: Message | None = None, **more: object) -> Message:
    watched = [str(lead) for lead in watch]
    reader.say(t="subscribe", topics=["leads", "runs"], watch=watched, position=position, **more)
    return reader.next("subscribed")


def events(reader: Reader) -> list[Message]:
    """All up to the last change."""
    return [event for batch in reader.changes_until("lead:99", 1) for event in batch["events"]][:-1]


def keys(found: Sequence[Message]) -> list[tuple[str, str, int]]:
    return sorted((event["kind"], event["key"], event["rev"]) for event in found)


def test_of_a_slice_a_reader_hears_the_run_and_the_leads_that_it_watches(
    relay: RelayServer, tell: Tell, publish: Publish
) -> None:
    with relay.reader() as reader:
        subscribe(reader, watch=(2, 5, 70))
        tell(range(1, 7))
        publish(END)
        found = events(reader)
    assert keys(found) == [("rescored", "lead:2", 7), ("rescored", "lead:5", 7), ("run", "run:1", 1)]
    rescored = next(event for event in found if event["key"] == "lead:2")
    assert rescored["body"] == {"id": "2", "score": 61.3, "previous_score": 42.5, "tier": "B"}
    run = next(event for event in found if event["kind"] == "run")
    assert (run["body"]["leads_done"], "leads" in run["body"]) == (3, False)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AGENT])
def test_runs_are_for_admins_and_executives(relay: RelayServer, tell: Tell, publish: Publish, role: Role) -> None:
    owners = ("ann",) if role is Role.AGENT else ()
    with relay.reader(role, owners=owners) as reader:
        subscribe(reader, watch=range(1, 7))
        tell(range(1, 7))
        publish(END)
        seen = keys(events(reader))
    assert "bob's secret" not in "".join(reader.heard)
    theirs = (1, 4) if role is Role.AGENT else range(1, 7)
    assert seen == [("rescored", f"lead:{lead}", 7) for lead in theirs]


def test_leads_that_a_subscription_names_are_watched(relay: RelayServer, tell: Tell, publish: Publish) -> None:
    with relay.reader() as reader:
        subscribe(reader, leads=["3", "99"])
        tell(range(1, 7))
        publish(END)
        assert keys(events(reader)) == [("rescored", "lead:3", 7)]


def test_who_begins_to_watch_hears_what_a_run_changed_lately(relay: RelayServer, tell: Tell, publish: Publish) -> None:
    with relay.reader() as reader:
        subscribe(reader, watch=(1,))
        tell((1, 2), rev=7)
        tell((1, 2), rev=8, run_rev=2)
        reader.changes_until("run:1", 2)
        reader.say(t="watch", leads=["1", "2"])
        publish(END)
        # Lead 1 was watched before, and has been told.
        assert keys(events(reader)) == [("rescored", "lead:2", 8)]


def test_who_watches_no_more_hears_no_more(relay: RelayServer, tell: Tell, publish: Publish) -> None:
    with relay.reader() as reader:
        subscribe(reader, watch=(1,))
        reader.say(t="watch", leads=[])
        reader.say(t="ping")
        reader.next("heartbeat")
        tell((1, 2))
        publish(END)
        assert [event["kind"] for event in events(reader)] == ["run"]


def test_watching_before_subscribing_is_no_part_of_the_protocol(relay: RelayServer) -> None:
    with relay.reader() as reader:
        reader.say(t="watch", leads=["1"])
        assert reader.closing()[0] == 4000


def test_a_slice_is_resumed_like_anything_else(relay: RelayServer, tell: Tell, publish: Publish) -> None:
    with relay.reader() as reader:
        position = subscribe(reader, watch=(2,))["position"]
    with relay.reader() as witness:
        subscribe(witness)
        tell(range(1, 7))
        publish(END)
        events(witness)
    with relay.reader() as reader:
        assert subscribe(reader, watch=(2,), position=position)["resumed"]
        assert keys(events(reader)) == [("rescored", "lead:2", 7), ("run", "run:1", 1)]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AGENT])
def test_a_resumed_reader_hears_no_more_of_runs_than_a_live_one(
    relay: RelayServer, tell: Tell, publish: Publish, role: Role
) -> None:
    owners = ("ann",) if role is Role.AGENT else ()
    with relay.reader(role, owners=owners) as reader:
        position = subscribe(reader)["position"]
    with relay.reader() as witness:
        subscribe(witness)
        tell(range(1, 7))
        publish(END)
        events(witness)
    with relay.reader(role, owners=owners) as reader:
        assert subscribe(reader, watch=(1, 2), position=position)["resumed"]
        kinds = {event["kind"] for event in events(reader)}
    assert kinds == {"rescored"}


def test_large_slices_leave_the_ring_before_many_small_changes_do(
    relays: StartRelay, tell: Tell, publish: Publish
) -> None:
    relay = relays(ring=100)
    with relay.reader() as reader:
        position = subscribe(reader)["position"]
        tell(range(1, 5001))
        publish(END)
        events(reader)
    with relay.reader() as reader:
        assert not subscribe(reader, position=position)["resumed"]

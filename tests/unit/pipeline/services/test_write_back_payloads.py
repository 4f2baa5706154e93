"""A published score becomes what each target is told: no more than it may know, and only whom it concerns."""

import orjson

from pipeline.redis_store.change_stream import StreamEntry
from pipeline.services.write_back_payloads import write_back_payloads
from tests.support.feed import scored
from workers.publisher import entry


def test_each_target_of_the_source_gets_its_own() -> None:
    made = entry(scored(7, 9, score=71.26, answer="250000"))
    source = orjson.loads(made.event)["body"]["source"]
    crm, webhook = write_back_payloads([made], {source: ("crm", "webhook")})
    assert (crm.lead_id, crm.target, crm.rev, crm.score, crm.body) == (7, "crm", 9, 71.3, None)
    told = orjson.loads(webhook.body or "")
    assert (told["type"], told["data"]["score"]["rev"]) == ("lead.scored", 9)
    assert "250000" not in (webhook.body or "")


def test_nobody_is_told_of_another_sources_lead() -> None:
    assert write_back_payloads([entry(scored())], {"another": ("crm",)}) == []


def test_what_is_not_whole_holds_up_nobody() -> None:
    broken = StreamEntry(b'{"kind": "score", "body": {"score": {}}}', b"{}")
    made = entry(scored())
    source = orjson.loads(made.event)["body"]["source"]
    assert len(write_back_payloads([broken, made], {source: ("crm",)})) == 1

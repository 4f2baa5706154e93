"""Bodies gone wrong in every way: `python -m tests.support.fuzz` tries 100,000 of each vendor, the suite a few hundred.

A reader may take a body or call it malformed; anything else would be a 500 to the vendor, which sends it again.
"""

import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from prometheus_client import CollectorRegistry

from benchmarks.record import record
from pipeline.errors import GiveUp, Refused
from pipeline.leads import opportunities
from pipeline.leads.merging import Lead
from pipeline.metrics import Metrics
from pipeline.settings.loader import load
from pipeline.vendors.signed_request import SignedRequest
from pipeline.wiring import Services
from tests.support.crm import SAMPLE_VENDORS, sample_vendor, sequence
from tests.support.keys import SECRET_KEY
from workers.webhooks.receiver import BodyParser, body_parser

NOW = datetime(2026, 11, 22, tzinfo=UTC)
BODIES = 100_000
TOKENS = [
    b"null", b"true", b"-0", b"1e999", b"NaN", b"Infinity", b"99999999999999999999", b"-1e308", b'"', b"\\", b"\\u0000",
    b"\\ud800", b"\\udc00", b"\xff\xfe", b"\x00", b"{", b"}", b"[", b"]", b",", b":", b"[" * 300, b'{"a":' * 300,
    b"<", b">", b"</", b"/>", b"<a>" * 20, b"&amp;", b"&#0;", b"&a;", b"]]>", b"<![CDATA[", b"<!--", b"<?a?>",
    b'<!DOCTYPE a [<!ENTITY a "a">]>', b' xsi:nil="true"', b"0001-01-01T00:00:00+23:59", b"9999-12-31T23:59:59-23:59",
]  # fmt: skip
ODD: list[Any] = [
    None, True, False, 0, -1, 2**53, 2**63, -(2**63), 1e308, -0.0, 5e-324, "", " ", "\x00", "\u202e", "🎉" * 300,
    "x" * 11_000, [], {}, [[]], [None], {"": None}, {"a": {"b": {"c": 1}}}, {"$": 1, "*": 2, "@a": 3}, [1, [2, [3]]],
    "ann@example.com", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2.0", "create", "Leads",
    "contact.creation", 10**15, "1e400",
]  # fmt: skip


def mutants(bodies: Sequence[bytes], chance: random.Random) -> Iterator[bytes]:
    """Without end: bytes changed, cut, doubled and spliced, and JSON with a value of another kind somewhere."""
    while True:
        body = chance.choice(bodies)
        for _ in range(chance.randint(1, 4)):
            body = _graft(body, chance) if chance.random() < 0.5 else _cut(body, bodies, chance)
        yield body


def _cut(body: bytes, bodies: Sequence[bytes], chance: random.Random) -> bytes:
    start = chance.randint(0, len(body))
    end = min(len(body), start + chance.choice((0, 1, 1, 8, 100, 2000)))
    spliced = chance.choice(bodies)[start:end]
    middle = chance.choice((b"", chance.choice(TOKENS), bytes([chance.randrange(256)]), body[start:end] * 3, spliced))
    return (body[:start] + middle + body[end:])[:20_000]


def _graft(body: bytes, chance: random.Random) -> bytes:
    try:
        tree = orjson.loads(body)
        places = list(_places(tree))
        if places:
            node, key = chance.choice(places)
            node[key] = chance.choice(ODD)
        return orjson.dumps(tree)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, RecursionError):
        return _cut(body, [body], chance)


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    for key, below in list(
        node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    ):
        yield node, key
        yield from _places(below)


def survive(services: Services, made: BodyParser, name: str, body: bytes) -> bool:
    """Whether it was taken, and the lead scored; what is neither taken nor malformed is raised."""
    sender = sample_vendor(name)
    with suppress(Refused):
        made.adapter.verifier([sender.secret]).verify(SignedRequest("POST", sender.uri, body, {}), NOW)
    try:
        changes, _ = made.changes(made.report(body), "d", NOW)
    except GiveUp:
        return False
    leads: dict[str, Lead] = {}
    for change in changes:
        assert "\0" not in "".join(change[:3])  # PostgreSQL's text holds none
        lead = leads.setdefault(change.external_id, Lead(change.source, change.external_id))
        opportunities.fold(Lead.fold, lead, change, NOW)
        orjson.dumps([change.attributes, change.contacts])
    for lead in leads.values():
        services.scorer.attempt(lead.attributes, NOW, lead.active_at)
    return True


def fuzz_services(state_dir: Path) -> Services:
    (state_dir / "secret-key").write_text(SECRET_KEY, encoding="utf-8")
    return Services(load(state_dir), Metrics(CollectorRegistry()))


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else BODIES
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as state:
        services = fuzz_services(Path(state))
        for name in SAMPLE_VENDORS:
            made, source = body_parser(services, name), mutants(sequence(name), random.Random(6))
            taken, began = 0, time.perf_counter()
            for body in (next(source) for _ in range(count)):
                try:
                    taken += survive(services, made, name, body)
                except Exception:
                    sys.stderr.write(f"{name}: {body!r}\n")
                    raise
            seconds = round(time.perf_counter() - began, 1)
            figures[name] = {"bodies": count, "taken": taken, "malformed": count - taken, "seconds": seconds}
    record("fuzz", figures)


if __name__ == "__main__":
    main()

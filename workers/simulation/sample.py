"""The simulated CRM of `service6 up --sample`: a past for an empty system, then a webhook now and then for ever."""

import asyncio
import secrets
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice

from pipeline.errors import TryAgain
from pipeline.saving import make_saver
from pipeline.storage import listing
from pipeline.wiring import Services
from schemas.lead import LeadChange
from workers.bundles import enqueue_bundles
from workers.desk.address import api_url
from workers.simulation.crm import InventedCrm
from workers.simulation.notice import Notice
from workers.simulation.vendor import SOURCE, Vendor

LEADS = 2000
RATE = 3.0  # webhooks a second
GROUP = 500  # changes a transaction, so that the page fills bit by bit
CONNECTIONS = 4
PAUSE_S = 1.0


async def sample(own: Services, *, leads: int = LEADS, rate: float = RATE) -> None:
    """Ends when it is cancelled."""
    crm = InventedCrm(secrets.randbits(24))
    while not await asyncio.to_thread(_filled, own, crm, leads):
        await asyncio.sleep(PAUSE_S)
    async with Vendor(own.settings, api_url(own.settings), connections=CONNECTIONS) as vendor:
        while True:
            await vendor.insist(crm.next(datetime.now(UTC)))
            await asyncio.sleep(1 / rate)


def _filled(own: Services, crm: InventedCrm, leads: int) -> bool:
    """False if PostgreSQL was away, or asked for a repeat."""
    try:
        with own.session() as db:
            empty = listing.total(db, listing.Filter()) == 0
        if empty:
            fill(own, crm.history(leads, datetime.now(UTC)))
    except TryAgain:
        return False
    return True


def fill(own: Services, notices: Iterator[Notice]) -> None:
    """Past the webhooks' door, which would take five times as long for what happened months ago."""
    save = make_saver(own).save
    while group := list(islice(notices, GROUP)):
        changes = _changes(own, group)
        with own.session() as db:
            lead_ids = save(db, changes, datetime.now(UTC))
        enqueue_bundles(lead_ids, own.settings.intake.message_leads)


def _changes(own: Services, notices: Iterable[Notice]) -> Sequence[LeadChange]:
    source = own.source_map(SOURCE)
    changes = []
    for notice in notices:
        attributes = {name: value for name, value in notice.lead.items() if name != "id"}
        delivery_id = f"history {notice.at.isoformat()} {notice.type}"
        changes.append(source.change(str(notice.lead["id"]), delivery_id, notice.at, attributes))
    return changes

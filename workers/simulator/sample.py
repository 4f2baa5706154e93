"""The simulated CRM of `service6 up --sample`: a history for an empty system, then webhooks without end."""

import asyncio
import secrets
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice

from pipeline.errors import TryAgain
from pipeline.services.ingest import lead_saver
from pipeline.storage.leads import lead_list
from pipeline.storage.platform.after_commit import enqueue
from pipeline.task_calls import score_batches
from pipeline.wiring import Services
from schemas.lead import LeadChange
from workers.simulator.invented_crm import InventedCrm
from workers.simulator.notice import Notice
from workers.simulator.simulated_vendor import SOURCE, SimulatedVendor
from workers.supervisor.api_address import api_url

LEADS = 2000
RATE = 3.0  # webhooks a second
GROUP = 500  # changes a transaction, so that the page fills bit by bit
CONNECTIONS = 4
PAUSE_S = 1.0


async def sample(services: Services, *, leads: int = LEADS, rate: float = RATE) -> None:
    """Fills an empty system, then sends webhooks until it is cancelled."""
    crm = InventedCrm(secrets.randbits(24))
    while not await asyncio.to_thread(_filled, services, crm, leads):
        await asyncio.sleep(PAUSE_S)
    async with SimulatedVendor(services.settings, api_url(services.settings), connections=CONNECTIONS) as vendor:
        while True:
            await vendor.insist(crm.next(datetime.now(UTC)))
            await asyncio.sleep(1 / rate)


def _filled(services: Services, crm: InventedCrm, leads: int) -> bool:
    """Fills the system if it is empty; False if PostgreSQL was away, or asked for a repeat."""
    try:
        with services.session() as db:
            empty = lead_list.total(db, lead_list.Filter()) == 0
        if empty:
            fill(services, crm.history(leads, datetime.now(UTC)))
    except TryAgain:
        return False
    return True


def fill(services: Services, notices: Iterator[Notice]) -> None:
    """Saves notices directly, without webhooks, which would take five times as long."""
    save = lead_saver(services).save
    while group := list(islice(notices, GROUP)):
        changes = _changes(services, group)
        with services.session() as db:
            lead_ids = save(db, changes, datetime.now(UTC))
            enqueue(db, *score_batches(lead_ids, services.settings.intake.message_leads))


def _changes(services: Services, notices: Iterable[Notice]) -> Sequence[LeadChange]:
    source = services.source_map(SOURCE)
    changes = []
    for notice in notices:
        attributes = {name: value for name, value in notice.lead.items() if name != "id"}
        delivery_id = f"history {notice.at.isoformat()} {notice.type}"
        changes.append(source.change(str(notice.lead["id"]), delivery_id, notice.at, attributes))
    return changes

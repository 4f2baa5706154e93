"""Services that call out to a stand-in, and what a publisher would have noted for it."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.settings.loader import Settings, load
from pipeline.storage.platform.engine import engine
from pipeline.wiring import Services
from schemas.score import Value
from tests.integration.rows import save, save_scores, scored
from tests.support.serving import in_this_process, open_services
from tests.support.vendor_api import VendorApi, saved, vendor_api
from workers.publisher import Publisher

TOKEN = "pat-of-the-private-app"
SIGNING_SECRET = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()


@pytest.fixture
def crm() -> Iterator[VendorApi]:
    with vendor_api(saved) as running:
        yield running


@pytest.fixture
def calling(settings: Settings, state_dir: Path, crm: VendorApi, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Scores of `hubspot` go to its API, those of `standard` to a webhook."""
    environment = {
        "SERVICE6_SOURCES__HUBSPOT__CRM__URL": crm.url,
        "SERVICE6_SOURCES__HUBSPOT__CRM__WRITE_BACK": "true",
        "SERVICE6_CRM_TOKEN_HUBSPOT": TOKEN,
        "SERVICE6_SOURCES__STANDARD__WEBHOOK": f'{{"url": "{crm.url}/told"}}',
        "SERVICE6_SIGNING_SECRET_STANDARD": SIGNING_SECRET,
        # So that what has to wait is due again within the test.
        "SERVICE6_OUTBOUND__BACKOFF_S": "0.01",
        "SERVICE6_OUTBOUND__LEASE_S": "2",
        "SERVICE6_OUTBOUND__DEADLINE_S": "1.5",
        "SERVICE6_OUTBOUND__REST_S": "0.05",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load(state_dir)


@pytest.fixture
def services(calling: Settings) -> Iterator[Services]:
    with open_services(calling) as made, in_this_process(made):
        yield made


@pytest.fixture
def crowd(services: Services, calling: Settings, tmp_path: Path) -> Iterator[Crowd]:
    connections = engine(calling.database_url, pool_size=1, statement_timeout_s=15, autocommit=True)
    made = Publisher(
        connections,
        services.stream,
        services.outcomes,
        calling.publisher,
        services.metrics,
        tmp_path / "heartbeat",
        calling.targets_by_source,
    )
    yield Crowd(services, made)
    connections.dispose()


class Crowd:
    """Leads whose scores change, and are published."""

    def __init__(self, services: Services, publisher: Publisher) -> None:
        self.services = services
        self.publisher = publisher

    def tell(self, source: str, *leads: str, **attributes: Value) -> list[int]:
        """All of them are told the same, scored and published."""
        at = datetime.now(UTC)
        said = self.services.source_map(source)
        ids = save(self.services, [said.change(lead, f"{lead}-{at}", at, attributes) for lead in leads])
        with self.services.session() as db:
            save_scores(self.services, db, scored(self.services, ids))
        while self.publisher.publish():
            pass
        return ids

"""schemathesis tries the API as every role, and with no token at all: no answer may differ from the document."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.settings.loader import Settings
from schemas.access import Role
from tests.integration.rows import api_with_leads
from tests.support import crm
from tests.support.serving import Api
from workers.api.openapi.docs_routes import API

pytestmark = pytest.mark.timeout(300)

RULES = Path(__file__).parent / "schemathesis.toml"
LIMIT_S = 280  # what a busy machine needs
# What differs by role is what is shown, and examples show it; a webhook asks for no token.
THOROUGH = ["--phases", "examples,coverage,fuzzing", "--max-examples", "4"]
BRIEF = ["--phases", "examples,fuzzing", "--max-examples", "1"]
BUT_WEBHOOKS, WEBHOOKS = ["--exclude-tag", "webhooks"], ["--include-tag", "webhooks"]


@pytest.fixture(scope="module")
def served(place: Settings) -> Iterator[Api]:
    with api_with_leads(place, 3, **crm.environment(), SERVICE6_API__SCORE_LEADS_A_MINUTE="1000000") as running:
        yield running


@pytest.mark.parametrize(
    ("role", "extent"),
    [
        (Role.ADMIN, [*THOROUGH, *BUT_WEBHOOKS]),
        *((role, [*BRIEF, *BUT_WEBHOOKS]) for role in (Role.EXECUTIVE, Role.AGENT, Role.VIEWER, None)),
        (None, [*THOROUGH, *WEBHOOKS]),
    ],
)
def test_no_answer_differs_from_the_document(served: Api, role: Role | None, extent: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(RULES), "run", str(API)]
    command += ["--url", served.url, "--generation-deterministic", "--no-color", *extent]
    if role is not None:
        [(header, token)] = served.bearer(role, ["ann"] if role is Role.AGENT else []).items()
        command += ["--header", f"{header}: {token}"]
    tried = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT_S, encoding="utf-8")
    assert tried.returncode == 0, tried.stdout + tried.stderr

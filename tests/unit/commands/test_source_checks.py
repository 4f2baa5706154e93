"""The doctor on the sources: which webhooks are open, what is missing, and whether a score would say anything."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from commands.finding import Finding
from commands.source_checks import examine_sources
from pipeline.metrics import Metrics
from pipeline.settings.loader import load
from pipeline.wiring import Services
from tests.support import crm
from tests.support.keys import SECRET_KEY


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Findings":
    monkeypatch.setenv("SERVICE6_SECRET_KEY", SECRET_KEY)
    return Findings(tmp_path, monkeypatch)


class Findings:
    def __init__(self, state_dir: Path, patch: pytest.MonkeyPatch) -> None:
        self._state_dir = state_dir
        self._patch = patch

    def of(self, **variables: str) -> dict[str, Finding]:
        for name, value in variables.items():
            self._patch.setenv(name, value)
        services = Services(load(self._state_dir), Metrics(CollectorRegistry()))
        return {finding.name: finding for finding in examine_sources(services)}


def test_with_the_defaults_every_vendor_gives_enough_for_a_score(found: Findings) -> None:
    findings = found.of(**crm.environment())
    assert {finding.level for finding in findings.values()} == {"ok"}
    assert all(findings[f"webhooks {name}"].found == "open" for name in crm.SAMPLE_VENDORS)
    assert "3 of the scorecard's" in findings["mapping gohighlevel"].found


def test_all_closed_is_worth_a_word(found: Findings) -> None:
    findings = found.of()
    assert findings["webhooks"].level == "warn"
    assert findings["webhooks hubspot"].level == "ok"
    assert "SERVICE6_WEBHOOK_SECRET_HUBSPOT would open it" in findings["webhooks hubspot"].found


def test_what_a_source_lacks_is_named(found: Findings) -> None:
    findings = found.of(
        SERVICE6_WEBHOOK_SECRET_HUBSPOT="a-client-secret",
        SERVICE6_WEBHOOK_SECRET_PIPEDRIVE="short",
        SERVICE6_WEBHOOK_SECRET_GOHIGHLEVEL="no-key",
    )
    assert {findings[f"webhooks {name}"].level for name in ("hubspot", "pipedrive", "gohighlevel")} == {"bad"}
    assert "SERVICE6_API__PUBLIC_URL" in findings["webhooks hubspot"].found
    assert "SERVICE6_SOURCES__GOHIGHLEVEL__ACCOUNTS" in findings["webhooks gohighlevel"].found
    assert "short" not in str(findings["webhooks pipedrive"])


def test_a_mapping_that_says_too_little(found: Findings) -> None:
    secret = {"SERVICE6_WEBHOOK_SECRET_ZOHO": "1000000068001:a-token-of-some-length"}
    findings = found.of(**secret, SERVICE6_SOURCES__ZOHO__WON="[]")
    assert (findings["mapping zoho"].level, findings["mapping zoho"].found) == (
        "warn",
        "nothing tells a lead that was won",
    )
    some = (
        '{"Designation": {"name": "role"}, "Lead_Source": {"personal": true},'
        ' "Amount": {"name": "x"}, "Email_Opt_Out": {"name": "y"}}'
    )
    findings = found.of(SERVICE6_SOURCES__ZOHO__WON='["won"]', SERVICE6_SOURCES__ZOHO__FIELDS=some)
    assert findings["mapping zoho"].found == "its fields give 2 of the scorecard's attributes"
    assert "sources.zoho.fields" in findings["mapping zoho"].mend


def test_scores_that_cannot_be_sent_are_told(found: Findings) -> None:
    asked = {
        "SERVICE6_SOURCES__HUBSPOT__CRM__WRITE_BACK": "true",
        "SERVICE6_SOURCES__ZOHO__WEBHOOK": '{"url": "https://crm.example.com/told"}',
        "SERVICE6_SIGNING_SECRET_ZOHO": "whsec_",
    }
    findings = found.of(**asked)
    assert "crm standard" not in findings
    assert (findings["crm hubspot"].level, findings["webhook zoho"].level) == ("bad", "bad")
    assert "SERVICE6_CRM_TOKEN_HUBSPOT is not set" in findings["crm hubspot"].found
    assert "SERVICE6_SIGNING_SECRET_ZOHO" in findings["webhook zoho"].found
    findings = found.of(SERVICE6_CRM_TOKEN_HUBSPOT="pat", SERVICE6_SIGNING_SECRET_ZOHO="whsec_c2VjcmV0")
    assert (findings["crm hubspot"].level, findings["webhook zoho"].level) == ("ok", "ok")

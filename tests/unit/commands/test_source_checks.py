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
        SERVICE6_WEBHOOK_SECRET_HUBSPOT="the-app's-client-secret",
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
    findings = found.of(
        SERVICE6_CRM_TOKEN_HUBSPOT="pat", SERVICE6_SIGNING_SECRET_ZOHO="whsec_c29tZW9uZSBlbHNlJ3Mgc2VjcmV0"
    )
    assert (findings["crm hubspot"].level, findings["webhook zoho"].level) == ("ok", "ok")


@pytest.mark.parametrize(
    ("source", "secret", "reason"),
    [
        ("standard", "whsec_c2VjcmV0LXdvcmQ=", "11 bytes"),
        ("standard", "v1,whsec_MDEyMzQ1Njc4OWFiY2Q=", "14 bytes"),
        ("standard", "whsec_303132333435363738396162", "12 bytes"),  # in hexadecimal
        ("standard", "polar_whs_abcde", "15 bytes"),
        ("standard", "whsec_hello-world/this+is_mixed.", "no base64"),
        ("standard", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3=", "no base64"),  # more padding than there is room for
        ("standard", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3,whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3", "no base64"),
        ("standard", "WHSEC_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3", "before or behind"),
        ("standard", '"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"', "before or behind"),
        ("standard", "secret=whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3", "before or behind"),
        ("standard", "v1,MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3", "before or behind"),
        ("standard", "'a text of the sender's own'".replace(" ", "-"), "before or behind"),
        ("standard", "whsk_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3", "asymmetric"),
        ("standard", "\ufeffwhsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3", "beyond ASCII"),
        ("standard", "a-text-with-a-dash-\u2013-of-another-kind", "beyond ASCII"),
        ("hubspot", "a-client-secret", "16 characters"),
        ("hubspot", "pat-eu1-00000000-0000-0000-0000-000000000000", "access token"),
        ("hubspot", '"00000000-0000-0000-0000-000000000000"', "quotes"),
        ("pipedrive", "a-password-without-its-user", "user:password"),
        ("pipedrive", "https://user:a-password-of-some-length@leads.example.com", "user:password"),
        ("pipedrive", "user:one:two:three", "user:password"),
        ("zoho", "a-token-without-its-channel", "channel:token"),
    ],
)
def test_a_secret_that_would_open_nothing_is_bad_with_its_reason(
    found: Findings, source: str, secret: str, reason: str
) -> None:
    variables = {**crm.ENVIRONMENT, f"SERVICE6_WEBHOOK_SECRET_{source.upper()}": secret}
    finding = found.of(**variables)[f"webhooks {source}"]
    assert (finding.level, reason in finding.found) == ("bad", True), finding.found
    assert secret not in str(finding)


@pytest.mark.parametrize(
    "secret", ["whsec_c2VjcmV0", "whsec_303132333435363738396162636465663031323334353637", "polar_whs_abcdefghijklmnop"]
)
def test_scores_are_signed_with_a_secret_that_has_one_meaning(found: Findings, secret: str) -> None:
    asked = {
        "SERVICE6_SOURCES__ZOHO__WEBHOOK": '{"url": "https://crm.example.com/told"}',
        "SERVICE6_SIGNING_SECRET_ZOHO": secret,
    }
    finding = found.of(**asked)["webhook zoho"]
    assert (finding.level, "SERVICE6_SIGNING_SECRET_ZOHO" in finding.found) == ("bad", True)

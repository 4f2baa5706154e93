"""A source is its vendor's defaults and what differs; what makes no sense is told when it is read."""

from pathlib import Path

import pytest

from pipeline.errors import Misconfigured
from pipeline.settings.loader import Settings, load, secret_variable
from pipeline.settings.vendors import vendor_files
from pipeline.vendors.registry import VENDORS


def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(f"SERVICE6_SOURCES__{name}", value)
    return load(tmp_path)


def test_every_vendor_has_its_line_and_its_source(tmp_path: Path) -> None:
    assert {*vendor_files()} == {*VENDORS} == {source.vendor for source in load(tmp_path).sources.values()}


def test_a_source_says_only_what_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"ACME__VENDOR": "hubspot", "ACME__RECORD": "deal", "ACME__WON": '["signed"]'}
    settings = loaded(tmp_path, monkeypatch, **given, ACME__FIELDS='{"jobtitle": {"personal": true}}')
    source, vendor = settings.sources["acme"], settings.sources["hubspot"]
    assert (source.record, source.won, source.lost) == ("deal", ("signed",), vendor.lost)
    assert source.fields["jobtitle"].personal
    assert source.fields["numemployees"] == vendor.fields["numemployees"]


def test_a_source_of_any_name_finds_its_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "webhook-secret-acme-two").write_text("one two", encoding="utf-8")
    settings = loaded(tmp_path, monkeypatch, **{"ACME-TWO__VENDOR": "hubspot"})
    assert [secret.get_secret_value() for secret in settings.webhook_secrets["acme-two"]] == ["one", "two"]
    assert secret_variable("acme-two") == "SERVICE6_WEBHOOK_SECRET_ACME_TWO"
    assert settings.webhook_secrets["hubspot"] == ()


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"ACME__RECORD": "deal"}, "vendor"),
        ({"ACME__VENDOR": "another"}, "vendor"),
        ({"ACME.COM__VENDOR": "hubspot"}, "sources"),
        ({"HUBSPOT__FIELDS": '{"title": {"name": "job_title"}}'}, "several fields become job_title"),
        ({"HUBSPOT__FIELDS": '{"title": {"kind": "colour"}}'}, "kind"),
        ({"HUBSPOT__LOST": '["Customer"]'}, "only one can be meant by customer"),
        ({"STANDARD__OPEN": '["Won"]'}, "only one can be meant by won"),
        ({"HUBSPOT__ACCOUNTS": '["1", "2"]'}, "ids of hubspot repeat"),
        ({"ZOHO__ACCOUNTS": '["1"]'}, "names no accounts"),
        ({"STANDARD__WEBHOOK": '{"url": "http://crm.example.com"}'}, "must be an https:// address"),
        ({"STANDARD__WEBHOOK": '{"url": "https://a:b@crm.example.com"}'}, "neither a password"),
        (
            {"ZOHO__CRM": '{"url": "https://crm", "requests": 9, "write_back": true}'},
            "set `webhook` instead",
        ),
        ({"SALESFORCE__ACCOUNTS": '["00D000000000001"]'}, "18 characters"),
    ],
)
def test_what_makes_no_sense(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], reason: str
) -> None:
    with pytest.raises(Misconfigured, match=reason):
        loaded(tmp_path, monkeypatch, **variables)


@pytest.mark.parametrize("url", ["leads.example.com", "https://", "https://leads.example.com?x=1", "ftp://leads"])
def test_a_public_address_is_a_whole_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("SERVICE6_API__PUBLIC_URL", url)
    with pytest.raises(Misconfigured, match="public_url"):
        load(tmp_path)

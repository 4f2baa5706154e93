"""The simulated CRM against a running API."""

import signal
from collections import Counter

import pytest
from click.testing import CliRunner

import cli
from pipeline.errors import TryAgain
from pipeline.wiring import Services
from tests.integration.rows import rows, value
from tests.support.serving import api, process
from tests.support.waiting import eventually
from workers.simulator.simulate import simulate


def test_webhooks_arrive_at_the_rate_and_become_leads(services: Services) -> None:
    sent: Counter[str] = Counter()
    with api(services.settings) as served:
        report = simulate(
            services.settings, rate=50, seconds=2, seed=5, url=served.url, sent=lambda n: sent.update({"sent": n})
        )
        assert (report.sent, report.accepted, report.refused) == (100, 100, {})
        assert sent["sent"] == 100
        assert report.p50_ms is not None
        assert report.p99_ms is not None
        assert 0 < report.p50_ms <= report.p99_ms
        assert served.webhooks()["standard", "202"] == 100
    assert value(services, "SELECT count(*) FROM deliveries") == 100
    assert value(services, "SELECT count(*) FROM lead_contacts") == value(services, "SELECT count(*) FROM leads") > 0
    assert not rows(services, "SELECT 1 FROM leads l WHERE l::text LIKE '%example.com%' OR l::text LIKE '% 555 01%'")


def test_the_same_seed_invents_the_same_leads(services: Services) -> None:
    with api(services.settings) as served:
        for _ in range(2):
            simulate(services.settings, rate=100, seconds=0.3, seed=9, url=served.url, sent=lambda _: None)
    assert value(services, "SELECT count(*) FROM leads") <= 30
    assert value(services, "SELECT count(*) FROM deliveries") == 60


def test_a_refusal_is_counted_and_fails_the_command(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    with api(services.settings) as served:
        monkeypatch.setenv("SERVICE6_WEBHOOK_SECRET_STANDARD", "whsec_c29tZW9uZSBlbHNlJ3Mgc2VjcmV0")
        result = CliRunner().invoke(cli.main, ["simulate", "--rate", "20", "--seconds", "0.2", "--url", served.url])
    assert result.exit_code == 1
    assert "refused   4 × 401" in result.stdout
    assert result.stderr.endswith("service6: not all webhooks were accepted\n")


def test_nobody_answers(services: Services) -> None:
    with pytest.raises(TryAgain, match=r"the API does not answer at http://127\.0\.0\.1:1;"):
        simulate(services.settings, rate=1, seconds=1, seed=1, url="http://127.0.0.1:1/", sent=lambda _: None)


def test_the_sample_fills_an_empty_system_and_goes_on_through_restarts(services: Services) -> None:
    settings = services.settings
    with process("simulator", ("workers.simulator", "--sample"), settings, SERVICE6_API__PORT="1"):
        eventually(lambda: value(services, "SELECT count(*) FROM leads") == 2000, within_s=30)
    past = "SELECT count(DISTINCT date_trunc('month', active_at)) FROM leads"
    assert value(services, past) >= 5
    assert value(services, "SELECT count(DISTINCT outcome) FROM leads") == 2
    assert value(services, "SELECT count(*) FROM unscored") == 2000


def test_the_sample_outlives_the_api_and_ends_quietly(services: Services) -> None:
    with api(services.settings) as first:
        port = first.url.rpartition(":")[2]
        with process("simulator", ("workers.simulator", "--sample"), services.settings, SERVICE6_API__PORT=port) as run:
            eventually(lambda: first.webhooks().get(("standard", "202")), within_s=30)
            first.run.stop()
            with process("api", ("workers.api",), services.settings, SERVICE6_API__PORT=port):
                before = value(services, "SELECT count(*) FROM deliveries")
                eventually(lambda: value(services, "SELECT count(*) FROM deliveries") > before, within_s=30)
                run.child.send_signal(signal.SIGTERM)
                assert run.child.wait(10) == 0
    assert run.program.log.read_text(encoding="utf-8") == ""

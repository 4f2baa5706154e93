"""Rescoring and models: read, steered, and what they move in a list that somebody reads."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.e2e.conftest import Open, Stack
from tests.e2e.sight import LOOKS, STRONG, assert_readable, live, new_lead, row
from tests.support.waiting import eventually

pytestmark = pytest.mark.e2e

MANY = 400
SLOW = ("--rate", "20", "--no-wait")  # leads a second: it does not end before the test


@pytest.fixture(scope="module")
def owner(stack: Stack) -> str:
    """Whose leads ended, won by budget and visits, so that there is something to learn."""
    name, chance = f"Owner {uuid4().hex[:6]}", Random(6)
    lines = ["id,budget,visits,owner,outcome,created"]
    for n in range(MANY):
        budget, visits = chance.randrange(500_000), chance.randrange(20)
        won = chance.random() < 0.1 + 0.5 * (budget > 250_000) + 0.3 * (visits > 8)
        day = f"2025-{1 + n // 40:02}-{1 + n % 28:02}T10:00:00Z"
        lines.append(f"{name[6:]}-{n:03},{budget},{visits},{name},{'won' if won else 'lost'},{day}")
    stack.bring("\n".join(lines), "--outcome", "outcome", "--won", "won", "--created", "created")
    return name


@pytest.fixture(scope="module")
def version(stack: Stack, owner: str) -> str:
    """A candidate that learned from them."""
    found = re.search(r"[a-z]+-[0-9a-f]{8}", stack.command("train"))
    assert found
    return found.group()


def at(stack: Stack, part: str, role: str = "admin") -> str:
    return stack.link(role).replace("/#", f"/?page={part}#")


def newest(page: Page) -> Locator:
    return page.locator(".run").first


def test_a_run_is_previewed_begun_and_followed(stack: Stack, open_page: Open, owner: str) -> None:
    page = live(open_page(at(stack, "runs")))
    page.get_by_role("button", name="Start a run").click()
    page.get_by_label("Owner", exact=True).select_option(owner)
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text(re.compile(f"{MANY} (leads|scores)"))).to_be_visible()
    page.get_by_role("button", name="Start", exact=True).click()
    expect(newest(page)).to_contain_text(f"Leads of {owner}")
    expect(newest(page).get_by_role("progressbar")).to_have_attribute("aria-valuenow", str(MANY))
    expect(newest(page)).to_have_attribute("data-state", "done")


def test_a_run_is_paused_resumed_and_ended_by_hand(stack: Stack, open_page: Open, owner: str) -> None:
    page = live(open_page(at(stack, "runs")))
    stack.command("rescore", "--owner", owner, *SLOW)
    run = newest(page)
    expect(run).to_have_attribute("data-state", "running")
    run.get_by_role("button", name="Pause").press("Enter")
    expect(run).to_have_attribute("data-state", "paused")
    run.get_by_role("button", name="Resume").press("Enter")
    expect(run).to_have_attribute("data-state", "running")
    run.get_by_role("button", name="Cancel").click()
    expect(run.get_by_role("button", name="Yes, end it")).to_be_focused()
    page.keyboard.press("Escape")
    expect(run.get_by_role("button", name="Cancel")).to_be_visible()
    run.get_by_role("button", name="Cancel").click()
    expect(run.get_by_role("button", name="Yes, end it")).to_be_focused()
    page.keyboard.press("Enter")
    expect(run).to_have_attribute("data-state", "cancelled")


def test_only_admins_steer_and_only_overseers_look(stack: Stack, open_page: Open, owner: str) -> None:
    stack.command("rescore", "--owner", owner)
    page = live(open_page(at(stack, "runs", "executive")))
    expect(newest(page)).to_be_visible()
    for name in ("Start a run", "Pause", "Cancel"):
        expect(page.get_by_role("main").get_by_role("button", name=name)).to_have_count(0)
    viewer = live(open_page(at(stack, "runs", "viewer")))
    expect(viewer.get_by_role("navigation")).to_have_count(0)
    expect(viewer.locator(".lead").first).to_be_visible()


def test_a_model_is_read_promoted_and_moves_the_list(stack: Stack, open_page: Open, owner: str, version: str) -> None:
    reader = live(open_page(stack.link("admin").replace("/#", f"/?owner={owner.replace(' ', '+')}#")))
    expect(reader.locator(".lead").first).to_be_visible()
    before = reader.locator(".lead-points").all_inner_texts()
    page = live(open_page(at(stack, "models")))
    page.get_by_role("link", name=version).click()
    expect(page.get_by_text("ranks the right one higher")).to_be_visible()
    expect(page.locator(".chart canvas").nth(2)).to_be_visible()
    shape = page.get_by_role("region", name="Budget", exact=True)
    shape.get_by_text("As a table").click()
    expect(shape.get_by_role("row").nth(1)).to_contain_text("not known")
    page.get_by_role("button", name="Put in charge").click()
    page.get_by_role("button", name="Yes, promote").click()
    expect(page.locator(".mark").first).to_have_text("★ In charge")
    stack.command("rescore", "--owner", owner)
    expect(reader.locator(".delta[data-way=up], .delta[data-way=down]").first).to_be_visible()
    explained = reader.locator(".lead").first.locator(".lead-why")
    expect(explained).not_to_contain_text("quiet")
    assert reader.locator(".lead-points").all_inner_texts() != before
    points = [float(text) for text in reader.locator(".lead-points").all_inner_texts()]
    assert len(points) == len(before)
    page.go_back()
    page.get_by_role("button", name="Revert").click()
    page.get_by_role("button", name="Yes, revert").click()
    expect(page.get_by_text("The scorecard scores the leads")).to_be_visible()


def test_a_card_tells_what_was_measured_of_the_best_tenth(stack: Stack, open_page: Open, version: str) -> None:
    """The share that was won differs between the older leads and the newest, as it does when sales change."""
    page = open_page("about:blank")
    drawn: dict[str, Any] = {}

    def change(route: Route) -> None:
        answer = route.fetch()
        told = answer.json()
        drawn.update(told["card"], quality={**told["card"]["quality"], **drawn.get("quality", {})})
        told["card"] = drawn
        route.fulfill(response=answer, json=told)

    page.route(f"**/api/v1/models/{version}", change)
    drawn["quality"] = {"won_share": 0.18, "won_share_at_tenth": 0.486, "lift_at_tenth": 2.7}
    page.goto(at(stack, "models").replace("#", f"&model={version}#"))
    summary = page.locator(".summary").first
    sentence = "Of all tested leads 18 in 100 were won; of the tenth with the best scores 48.6 in 100."
    expect(summary).to_contain_text(sentence)
    drawn["quality"] = {"won_share": None, "won_share_at_tenth": None, "lift_at_tenth": 2.7}
    page.reload()
    expect(summary).to_contain_text("The tenth with the best scores was won 2.70 times as often as all tested leads.")
    expect(summary).not_to_contain_text(re.compile(r"best scores [\d.]+ in 100"))


def test_a_card_of_this_version_says_what_its_test_counted(stack: Stack, open_page: Open, version: str) -> None:
    card = json.loads(stack.command("models", "show", version, "--json"))
    page = live(open_page(at(stack, "models").replace("#", f"&model={version}#")))
    tiers = card["quality"]["tiers"]
    won, lost = (sum(tier[outcome] for tier in tiers) for outcome in ("won", "lost"))
    share = f"{round(100 * won / (won + lost), 1):g}"
    expect(page.locator(".summary").first).to_contain_text(f"Of all tested leads {share} in 100 were won")
    assert card["quality"]["won_share"] == pytest.approx(won / (won + lost), abs=1e-4)


def test_an_alarm_is_a_quiet_line_until_it_is_over(stack: Stack, open_page: Open) -> None:
    page = live(open_page(stack.link("executive")))
    tell = """async ([state, rev]) => {
      const { Alarms } = await import(
        new URL('core/alarm_store.js', document.querySelector('script[type=module]').src));
      const alarms = new Alarms();
      const at = '2026-01-01T00:00:00Z';
      const alarm = { name: 'drift', state: 'raised', subject: 'budget', detail: 'Moved.', at, rev: 2 };
      alarms.apply([{ kind: 'alarm', body: alarm }, { kind: 'alarm', body: { ...alarm, state, rev } }]);
      return alarms.raised.value.length;
    }"""
    assert page.evaluate(tell, ["cleared", 1]) == 1  # an older one that comes late
    assert page.evaluate(tell, ["cleared", 3]) == 0


def test_letters_and_the_way_back_lead_through_the_places(stack: Stack, open_page: Open) -> None:
    lead = new_lead()
    stack.tell(lead, **STRONG)
    page = live(open_page(stack.link("admin").replace("/#", f"/?q={lead}#")))
    expect(row(page, lead)).to_be_visible()
    page.keyboard.press("r")
    expect(page.get_by_role("heading", name="Rescoring", level=1)).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("m")
    expect(page.get_by_role("heading", name="Models", level=1)).to_be_visible()
    assert "page=models" in page.url
    page.go_back()
    expect(page.get_by_role("heading", name="Rescoring", level=1)).to_be_visible()
    page.keyboard.press("l")
    expect(row(page, lead)).to_be_visible()


@pytest.mark.parametrize(("scheme", "viewport"), LOOKS, ids=["desktop-dark", "phone-light"])
def test_everybody_can_read_them(
    stack: Stack, open_page: Open, owner: str, version: str, scheme: str, viewport: dict[str, int]
) -> None:
    page = live(open_page(at(stack, "runs"), color_scheme=scheme, viewport=viewport))
    page.get_by_role("button", name="Start a run").click()
    expect(page.get_by_role("button", name="Preview")).to_be_visible()
    assert_readable(page)
    page.get_by_role("link", name="Models").click()
    expect(page.get_by_role("link", name=version)).to_be_visible()
    assert_readable(page)
    page.get_by_role("link", name=version).click()
    expect(page.locator(".chart canvas").nth(2)).to_be_visible()
    assert_readable(page)


def test_a_chart_takes_the_colours_that_the_system_changes_to(stack: Stack, open_page: Open, version: str) -> None:
    page = live(open_page(at(stack, "models").replace("#", f"&model={version}#"), color_scheme="light"))
    canvas = page.locator(".chart canvas").first
    expect(canvas).to_be_visible()
    before = canvas.evaluate("it => it.toDataURL()")
    page.emulate_media(color_scheme="dark")
    eventually(lambda: canvas.evaluate("it => it.toDataURL()") != before)

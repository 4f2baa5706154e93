"""What the tests of the page look for, and what they have a CRM say."""

from __future__ import annotations

from uuid import uuid4

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.support.waiting import eventually

STRONG = {"budget": 400_000, "timeline_days": 20, "lead_source": "referral", "seniority": "director", "meetings": 2}
WEAK = {"budget": 1000, "timeline_days": 400, "lead_source": "cold call", "seniority": "intern"}
# How long is waited says how busy the machine may be, not how fast the page is.
PATIENCE_MS = 30_000
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1440, "height": 900}
# Each layout and each set of colours once: neither knows of the other.
LOOKS = [("dark", DESKTOP), ("light", PHONE)]


def new_lead() -> str:
    return f"lead-{uuid4().hex[:8]}"


def row(page: Page, lead: str) -> Locator:
    return page.locator(".lead").filter(has=page.get_by_role("button", name=lead))


def status(page: Page) -> Locator:
    return page.get_by_role("status").first


def panel(page: Page) -> Locator:
    return page.get_by_role("complementary")


def live(page: Page) -> Page:
    expect(status(page)).to_contain_text("Live")
    return page


def names(page: Page) -> list[str]:
    """The leads that are drawn, from the top."""
    drawn = page.locator(".lead").evaluate_all(
        "rows => rows.map(row => [Number(row.ariaRowIndex), row.querySelector('.lead-name').textContent])"
    )
    return [name for _, name in sorted(drawn)]


def below(page: Page, upper: str, lower: str) -> bool:
    found = names(page)
    return found.index(upper) < found.index(lower)


def assert_readable(page: Page) -> None:
    # Colours that are still fading would be measured half-way.
    eventually(lambda: page.evaluate("document.getAnimations().length") == 0)
    found = Axe().run(page).response["violations"]
    assert [(fault["id"], fault["nodes"][0]["target"]) for fault in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"

"""A lead in full: why, what moved it, what was told of it, and what if."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Open, Stack
from tests.e2e.sight import LOOKS, STRONG, assert_readable, live, new_lead, panel, row

pytestmark = pytest.mark.e2e


def opened(page: Page, lead: str) -> Page:
    expect(row(live(page), lead)).to_be_visible()
    page.get_by_role("button", name=lead).click()
    expect(panel(page).locator(".attributes")).to_be_visible()
    return page


def moved_lead(stack: Stack, page: Page) -> str:
    """A lead with two scores."""
    lead = new_lead()
    stack.tell(lead, **STRONG, unsubscribed=True)
    expect(row(page, lead)).to_be_visible()
    stack.tell(lead, visits=12, email=f"{lead}@example.com")
    expect(row(page, lead).locator(".delta")).to_have_attribute("data-way", "up")
    return lead


def test_the_sum_what_moved_it_and_what_was_told(stack: Stack, open_page: Open) -> None:
    page = live(open_page(stack.link("admin")))
    lead = moved_lead(stack, page)
    shown = panel(opened(page, lead))
    points = [text.replace("−", "-") for text in shown.locator(".factor-points").all_inner_texts()]
    *terms, score = map(float, points)
    assert sum(terms) == pytest.approx(score)
    history = shown.get_by_role("table")
    expect(history).to_contain_text("very many visits")
    expect(history).to_contain_text("before: Visits not known")
    expect(shown.locator(".chart canvas")).to_be_visible()
    deliveries = shown.locator(".deliveries > li")
    expect(deliveries).to_have_count(3)
    expect(deliveries.first).to_contain_text("visits 12")
    expect(deliveries.first).to_contain_text("1 contact detail, sealed")
    stack.tell(lead, visits=0)
    expect(history).to_contain_text("never visited the site")


def test_a_text_that_only_begins_like_a_moment_is_shown_as_it_is(stack: Stack, open_page: Open) -> None:
    lead = new_lead()
    stack.tell(lead, **STRONG, signed_at="0000-00-00T00:00:00", next_step="2024-01-15T10:30 call back", share=0.0004)
    shown = panel(opened(open_page(stack.link("admin")), lead)).locator(".attributes")
    for text in ("0000-00-00T00:00:00", "2024-01-15T10:30 call back", "0.0004"):
        expect(shown).to_contain_text(text)


def test_a_lever_shows_what_would_be_and_saves_nothing(stack: Stack, open_page: Open) -> None:
    lead = new_lead()
    stack.tell(lead, **STRONG)
    shown = panel(opened(open_page(stack.link("admin")), lead))
    before = shown.locator(".verdict-points").inner_text()
    shown.get_by_text("What if?").click()
    outcome = shown.locator(".what-if-outcome")
    expect(outcome).to_contain_text("as saved")
    slider = shown.get_by_role("slider", name="Budget")
    slider.focus()
    slider.press("Home")
    expect(outcome.locator(".delta")).to_have_text("−13")
    shown.get_by_label("Seniority").select_option("student")
    expect(outcome.locator(".delta")).to_have_text("−26")
    shown.get_by_role("button", name="Reset").click()
    expect(outcome).to_contain_text("as saved")
    expect(shown.locator(".verdict-points")).to_have_text(before)


@pytest.mark.parametrize(("scheme", "viewport"), LOOKS, ids=["desktop-dark", "phone-light"])
def test_everybody_can_read_it(stack: Stack, open_page: Open, scheme: str, viewport: dict[str, int]) -> None:
    signed_out = open_page(stack.url, color_scheme=scheme, viewport=viewport)
    expect(signed_out.get_by_role("heading", level=1)).to_be_visible()
    assert_readable(signed_out)
    nobody = live(open_page(stack.link("agent", "--owner", "Nobody"), color_scheme=scheme, viewport=viewport))
    expect(nobody.get_by_role("heading", name="No leads yet")).to_be_visible()
    assert_readable(nobody)
    page = live(open_page(stack.link("admin"), color_scheme=scheme, viewport=viewport))
    lead = moved_lead(stack, page)
    assert_readable(page)
    for key, text in (("Control+k", "Pause live changes"), ("?", "next and previous lead")):
        page.keyboard.press(key)
        expect(page.get_by_role("dialog")).to_contain_text(text)
        assert_readable(page)
        page.keyboard.press("Escape")
        expect(page.locator("dialog")).to_have_count(0)  # not only closed: it takes no keys meanwhile
    opened(page, lead)
    panel(page).get_by_text("What if?").click()
    expect(panel(page).locator(".what-if-outcome")).to_be_visible()
    expect(panel(page).locator(".chart canvas")).to_be_visible()
    assert_readable(page)

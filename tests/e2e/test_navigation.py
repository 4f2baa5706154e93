"""The way in and the way back: links, tabs, the browser's history, and what a finger can reach."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page, WebSocketRoute, expect

from pipeline.security.tokens import mint
from pipeline.settings.loader import load
from schemas.access import Role
from tests.e2e.conftest import Open, Stack
from tests.e2e.sight import PHONE, STRONG, live, new_lead, panel, row, status
from tests.support.waiting import eventually

pytestmark = pytest.mark.e2e

DIALOGS = {"palette": "Control+k", "help": "?"}
PLACES = {"runs": ("r", "Rescoring"), "models": ("m", "Models")}
TARGET_PX = 44

# What can be tapped, and how much room it takes. A row's name is a button whose target, drawn by `::after`, is the row.
SMALL_TARGETS = """
(least) => {
  const targets = document.querySelectorAll(
    'a[href], button, input, select, summary, [role=option], [role=slider], [tabindex]:not([tabindex="-1"])'
  );
  const seen = (element) => element.checkVisibility({ visibilityProperty: true }) && !element.closest('[inert]');
  const dialog = document.querySelector('dialog[open]');
  return [...targets].filter((element) => seen(element) && (!dialog || dialog.contains(element))).flatMap((element) => {
    const after = getComputedStyle(element, '::after');
    const covers = after.position === 'absolute' && after.content !== 'none';
    const { width, height } = (covers ? element.closest('[data-lead]') : element).getBoundingClientRect();
    const small = width < least - 0.01 || height < least - 0.01;
    return small ? [`${element.outerHTML.slice(0, 90)}: ${width.toFixed(1)} x ${height.toFixed(1)}`] : [];
  });
}
"""


def expired(stack: Stack, role: str) -> str:
    """A link that was good an hour ago."""
    settings, hour = load(stack.state_dir), timedelta(hours=1)
    key = settings.secret_key.get_secret_value()
    minted = mint(key, role=Role(role), sub="late", owners=["Mara"], lifetime=hour, now=datetime.now(UTC) - 2 * hour)
    return f"{stack.url}/#token={minted}"


def entries(page: Page) -> int:
    return int(page.evaluate("history.length"))


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog")


def shown(page: Page, lead: str) -> Locator:
    return panel(page).get_by_role("heading", name=lead)


def listed(stack: Stack, open_page: Open, **options: object) -> tuple[Page, str]:
    """A page that shows one lead."""
    lead = new_lead()
    stack.tell(lead, **STRONG)
    page = live(open_page(stack.link("admin").replace("/#", f"/?q={lead}#"), **options))
    expect(row(page, lead)).to_be_visible()
    return page, lead


@pytest.mark.parametrize("role", ["admin", "executive", "viewer", "agent"])
def test_a_fresh_link_in_the_tab_of_an_expired_one_signs_in(stack: Stack, open_page: Open, role: str) -> None:
    owners = ["--owner", "Mara"] if role == "agent" else []
    page = open_page(expired(stack, role))
    expect(page.get_by_role("status")).to_have_text("This link has expired.")
    page.goto(stack.link(role, *owners))
    live(page)
    assert "token" not in page.url


def test_a_fresh_link_replaces_a_session_and_leaves_what_is_looked_at(stack: Stack, open_page: Open) -> None:
    page, lead = listed(stack, open_page)
    page.get_by_role("button", name=lead).click()
    expect(shown(page, lead)).to_be_visible()
    expect(page).to_have_url(re.compile("lead="))
    page.evaluate("link => (location.hash = link.split('#')[1])", stack.link("viewer"))
    expect(page.locator(".top-role")).to_have_text("viewer")
    expect(shown(page, lead)).to_be_visible()
    expect(row(live(page), lead)).to_be_visible()
    assert "token" not in page.url


@pytest.mark.parametrize(
    ("role", "told"),
    [
        ("executive", "Ask an administrator"),
        ("viewer", "Ask an administrator"),
        ("agent", "Ask your sales manager or an administrator"),
    ],
)
def test_who_cannot_make_a_link_is_told_whom_to_ask(stack: Stack, open_page: Open, role: str, told: str) -> None:
    page = open_page(expired(stack, role))
    expect(page.get_by_role("main")).to_contain_text(told)
    assert "service6" not in page.get_by_role("main").inner_text()


def test_only_an_admin_is_told_a_command_in_the_first_place(stack: Stack, open_page: Open) -> None:
    page = open_page(stack.url)
    expect(page.get_by_role("main")).to_contain_text("Ask an administrator")
    expect(page.get_by_text("service6 token")).to_be_hidden()
    page.get_by_text("I am the administrator").click()
    expect(page.get_by_text("service6 token --role admin --link")).to_be_visible()
    nobody = live(open_page(stack.link("agent", "--owner", "Nobody else")))
    expect(nobody.get_by_role("heading", name="No leads yet")).to_be_visible()
    assert "service6" not in nobody.get_by_role("main").inner_text()


def test_a_new_tab_is_signed_in_by_one_that_is_and_signs_out_with_it(stack: Stack, open_page: Open) -> None:
    first = live(open_page(stack.link("admin")))
    second, third = first.context.new_page(), first.context.new_page()
    for page in (second, third):
        page.goto(stack.url)
        live(page)
    kept = "Object.entries(localStorage).concat(document.cookie).join()"
    assert not re.search(r"ey\w+\.", second.evaluate(kept))
    first.close()
    second.reload()
    live(second)
    second.get_by_role("button", name="Sign out").click()
    expect(second.get_by_role("status")).to_have_text("You signed out.")
    expect(third.get_by_role("status")).to_have_text("You signed out in another tab.")
    for page in (second, third):
        page.reload()
        expect(page.get_by_role("heading", name="Service 6")).to_be_visible()
        expect(page.get_by_label("Paste the link")).to_be_visible()


def test_a_tab_that_waits_takes_the_session_of_another_once_there_is_one(stack: Stack, open_page: Open) -> None:
    waiting = open_page(stack.url)
    expect(waiting.get_by_label("Paste the link")).to_be_visible()
    live(open_page(stack.link("admin")))  # another browser is none of its tabs
    other = waiting.context.new_page()
    other.goto(stack.link("viewer"))
    live(other)
    expect(waiting.get_by_label("Paste the link")).to_be_visible()
    waiting.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # somebody looks at it
    live(waiting)
    expect(waiting.locator(".top-role")).to_have_text("viewer")


@pytest.mark.parametrize("viewport", [PHONE, None], ids=["phone", "desktop"])
def test_the_way_back_closes_the_panel_and_forward_opens_it(
    stack: Stack, open_page: Open, viewport: dict[str, int] | None
) -> None:
    page, lead = listed(stack, open_page, **({"viewport": viewport} if viewport else {}))
    before = entries(page)
    page.get_by_role("button", name=lead).click()
    expect(shown(page, lead)).to_be_visible()
    page.go_back()
    expect(panel(page)).to_have_count(0)
    expect(page.get_by_role("button", name=lead)).to_be_focused()
    assert urlsplit(page.url).query == f"q={lead}"
    page.go_forward()
    expect(shown(page, lead)).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel(page)).to_have_count(0)
    expect(page.get_by_role("button", name=lead)).to_be_focused()
    for _ in range(3):
        page.get_by_role("button", name=lead).click()
        panel(page).get_by_role("button", name="Close").click()
        expect(panel(page)).to_have_count(0)
    assert entries(page) == before + 1  # the one ahead: none was left behind


def test_from_one_lead_to_the_next_the_way_back_is_one_step(stack: Stack, open_page: Open) -> None:
    mark = uuid4().hex[:6]
    for number in range(3):
        stack.tell(f"Step-{mark}-{number}", **STRONG)
    page = live(open_page(stack.link("admin").replace("/#", f"/?q=step-{mark}#")))
    expect(page.locator(".lead")).to_have_count(3)
    page.locator(".lead-name").first.click()
    expect(panel(page)).to_be_visible()
    for key in "jj":
        heading = panel(page).get_by_role("heading", level=2).inner_text()
        page.keyboard.press(key)
        expect(panel(page).get_by_role("heading", level=2)).not_to_have_text(heading)
    page.go_back()
    expect(panel(page)).to_have_count(0)
    expect(page.locator(".lead")).to_have_count(3)


@pytest.mark.parametrize("kind", DIALOGS)
@pytest.mark.parametrize("under", ["list", "panel", "models"])
def test_the_way_back_closes_a_dialog_and_nothing_else(stack: Stack, open_page: Open, kind: str, under: str) -> None:
    page, lead = listed(stack, open_page)
    if under == "panel":
        page.get_by_role("button", name=lead).click()
    elif under == "models":
        page.keyboard.press("m")
    stays = {"list": row(page, lead), "panel": shown(page, lead), "models": page.get_by_role("heading", name="Models")}
    expect(stays[under]).to_be_visible()
    before, address = entries(page), page.evaluate("location.href")
    page.keyboard.press(DIALOGS[kind])
    expect(dialog(page)).to_be_visible()
    page.go_back()
    expect(page.locator("dialog")).to_have_count(0)
    expect(stays[under]).to_be_visible()
    assert page.evaluate("location.href") == address  # `page.url` is told later
    page.go_forward()
    expect(dialog(page)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    page.keyboard.press(DIALOGS[kind])
    expect(dialog(page)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    expect(stays[under]).to_be_visible()
    eventually(lambda: page.evaluate("history.state.here.dialog") is None)
    assert entries(page) == before + 1


def test_a_dialog_that_was_left_does_not_close_the_next_one(stack: Stack, open_page: Open) -> None:
    """The browser tells of a closed dialog in a task of its own: here the next one is open by then."""
    page, _ = listed(stack, open_page)
    page.keyboard.press("?")
    expect(dialog(page)).to_be_visible()
    page.evaluate(
        """async () => {
          const root = document.querySelector('script[type=module]').src;
          const { dialog } = await import(new URL('core/dialogs.js', root));
          window.old = document.querySelector('dialog');
          dialog.value = null;
          const all = { childList: true, subtree: true };
          // In a microtask after it is gone, so that the event still waits.
          while (old.isConnected) await new Promise((change) => new MutationObserver(change).observe(document, all));
          dialog.value = 'help';
        }"""
    )
    page.wait_for_function("history.state.here.dialog === 'help'")
    page.evaluate("old.dispatchEvent(new Event('close'))")  # in case the browser has told before
    expect(dialog(page)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)


def test_a_part_that_is_fetched_ahead_while_it_is_opened_is_drawn(stack: Stack, open_page: Open) -> None:
    page = open_page(stack.url)
    page.evaluate(
        """async () => {
          const at = (name) => import(new URL(name, document.querySelector('script[type=module]').src));
          const [{ lazy }, { html }, { render }] = await Promise.all(
            ['core/lazy.js', 'core/html.js', 'vendor/preact.js'].map(at)
          );
          const Part = lazy(async () => () => html`<p id="part">here</p>`);
          render(html`<${Part} />`, document.body.appendChild(document.createElement('div')));
          await Part.warm(); // before the browser has painted, and effects run
        }"""
    )
    expect(page.locator("#part")).to_have_text("here")


@pytest.mark.parametrize("part", PLACES)
def test_the_way_back_leads_through_what_the_palette_opened(stack: Stack, open_page: Open, part: str) -> None:
    page, lead = listed(stack, open_page)
    page.get_by_role("button", name=lead).click()
    expect(shown(page, lead)).to_be_visible()
    page.keyboard.press("Control+k")
    expect(page.get_by_label("Command or lead id")).to_be_focused()
    page.keyboard.type({"runs": "go to resc", "models": "go to mod"}[part])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=PLACES[part][1], level=1)).to_be_visible()
    expect(page).to_have_url(re.compile(f"page={part}"))
    assert "lead=" not in page.url
    page.go_back()
    expect(shown(page, lead)).to_be_visible()
    page.go_back()
    expect(panel(page)).to_have_count(0)
    expect(row(page, lead)).to_be_visible()
    page.go_forward()
    page.go_forward()
    expect(page.get_by_role("heading", name=PLACES[part][1], level=1)).to_be_visible()


def test_a_link_to_a_panel_is_left_for_the_list_and_a_reload_keeps_the_way(stack: Stack, open_page: Open) -> None:
    page, lead = listed(stack, open_page)
    page.get_by_role("button", name=lead).click()
    expect(page).to_have_url(re.compile("lead="))
    copied = page.url
    page.reload()
    expect(shown(page, lead)).to_be_visible()
    page.go_back()
    expect(panel(page)).to_have_count(0)
    page.goto(copied)  # as from a mail: nothing of this page lies under it
    expect(shown(page, lead)).to_be_visible()
    before = entries(page)
    page.keyboard.press("Escape")
    expect(panel(page)).to_have_count(0)
    expect(row(page, lead)).to_be_visible()
    expect(page).not_to_have_url(re.compile("lead="))
    assert entries(page) == before


def test_filters_belong_to_the_list_and_stay_on_the_way_back(stack: Stack, open_page: Open) -> None:
    page, lead = listed(stack, open_page)
    page.get_by_role("button", name=lead).click()
    expect(shown(page, lead)).to_be_visible()
    page.get_by_role("button", name="Tier A", exact=True).click()
    expect(page).to_have_url(re.compile("tier=A"))
    page.go_back()
    expect(panel(page)).to_have_count(0)
    expect(page).to_have_url(re.compile(rf"\?tier=A&q={lead}$"))
    expect(page.get_by_role("button", name="Tier A", exact=True)).to_have_attribute("aria-pressed", "true")


def test_the_way_back_returns_to_where_the_list_was_scrolled(stack: Stack, open_page: Open) -> None:
    mark = uuid4().hex[:6]
    stack.bring("\n".join(["id,budget", *(f"Deep-{mark}-{n:03},{n * 1000}" for n in range(120))]))
    page = live(open_page(stack.link("admin").replace("/#", f"/?q=deep-{mark}#")))
    expect(page.get_by_role("heading", level=1)).to_have_text("120 leads")
    page.evaluate("scrollTo(0, 1600)")
    page.keyboard.press("m")
    expect(page.get_by_role("heading", name="Models", level=1)).to_be_visible()
    assert page.evaluate("scrollY") == 0
    page.go_back()
    expect(page.locator(".lead").first).to_be_visible()
    eventually(lambda: page.evaluate("scrollY") == 1600)


def test_signing_out_behind_a_dialog_leaves_no_entry(stack: Stack, open_page: Open) -> None:
    page, lead = listed(stack, open_page)
    page.keyboard.press("Control+k")
    expect(page.get_by_label("Command or lead id")).to_be_focused()
    page.keyboard.type("sign out")
    page.keyboard.press("Enter")
    expect(status(page)).to_have_text("You signed out.")
    eventually(lambda: page.evaluate("history.state.here.dialog") is None)
    page.goto(stack.link("admin").replace("/#", f"/?q={lead}#"))
    expect(row(live(page), lead)).to_be_visible()


def assert_reachable(page: Page, where: str) -> None:
    assert page.evaluate(SMALL_TARGETS, TARGET_PX) == [], where
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{where} scrolls sideways"


@pytest.mark.parametrize("width", [320, 390, 480])
def test_a_finger_reaches_every_target(stack: Stack, open_page: Open, width: int) -> None:
    """Touch is not told to the browser: the width alone has to do."""
    size = {"width": width, "height": 844}
    signed_out = open_page(stack.url, viewport=size)
    expect(signed_out.get_by_label("Paste the link")).to_be_visible()
    signed_out.get_by_text("I am the administrator").click()
    assert_reachable(signed_out, "signing in")
    page, lead = listed(stack, open_page, viewport=size)
    stack.tell(lead, visits=12, owner="Mara")
    page.get_by_role("button", name="Filters").click()
    assert_reachable(page, "the list")
    for kind, key in DIALOGS.items():
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press(key)
        expect(dialog(page)).to_be_visible()
        assert_reachable(page, kind)
        page.keyboard.press("Escape")
        expect(page.locator("dialog")).to_have_count(0)
    page.keyboard.press("d")
    assert_reachable(page, "compact rows")
    page.get_by_role("button", name=lead).click()
    panel(page).get_by_text("What if?").click()
    expect(panel(page).locator(".what-if-outcome")).to_be_visible()
    assert_reachable(page, "the panel")
    page.go_back()
    page.get_by_role("link", name="Rescoring").click()
    page.get_by_role("button", name="Start a run").click()
    assert_reachable(page, "runs")
    page.get_by_role("link", name="Models").click()
    expect(page.get_by_role("button", name="Train a model")).to_be_visible()
    assert_reachable(page, "models")


@pytest.mark.parametrize(
    ("width", "beside"),
    [(320, False), (390, False), (640, False), (970, False), (1100, False), (1130, True), (1370, True), (1440, False)],
)
def test_what_tells_how_current_the_page_is_holds_its_button(
    stack: Stack, open_page: Open, width: int, beside: bool
) -> None:
    """`beside`: with a panel open beside the list."""
    page = open_page("about:blank", viewport={"width": width, "height": 844})
    sides: list[WebSocketRoute] = []

    def join(side: WebSocketRoute) -> None:
        sides.append(side)
        if len(sides) > 1:
            side.close()
            return
        relay = side.connect_to_server()
        relay.on_message(side.send)
        side.on_message(relay.send)

    page.route_web_socket(re.compile("/dashboard/real-time"), join)
    stack.tell(new_lead(), **STRONG)
    page.goto(stack.link("executive"))
    if beside:
        live(page).locator(".lead-name").first.click()
        expect(panel(page)).to_be_visible()
    assert_held(live(page), width)
    page.keyboard.press("p")
    expect(status(page)).to_contain_text("Paused")
    stack.tell(new_lead(), **STRONG)
    expect(page.get_by_role("button", name="Resume live changes")).to_contain_text("waiting")
    assert_held(page, width)
    page.locator(".waiting").evaluate("it => (it.textContent = '120,000 waiting')")
    assert_held(page, width)
    page.keyboard.press("p")
    sides[0].close()
    expect(status(page)).to_contain_text("Reconnecting… as of")
    assert_held(page, width)
    page.context.set_offline(True)
    expect(status(page)).to_contain_text("Offline as of")
    assert_held(page, width)


def assert_held(page: Page, width: int) -> None:
    pill = page.locator(".status").bounding_box()
    assert pill
    assert pill["x"] + pill["width"] <= width
    for part in ("button", ".icon"):
        inner = page.locator(f".status {part}").bounding_box()
        assert inner
        assert pill["x"] <= inner["x"]
        assert inner["x"] + inner["width"] <= pill["x"] + pill["width"]
        assert pill["y"] <= inner["y"]
        assert inner["y"] + inner["height"] <= pill["y"] + pill["height"]
    word = page.locator(".status-word > span:nth-child(2)").bounding_box()
    button = page.locator(".status button").bounding_box()
    assert word
    assert button
    assert word["x"] + word["width"] <= button["x"], "the word is covered"

"""The page, driven as a salesperson would."""

from __future__ import annotations

import re
from signal import SIGCONT, SIGKILL, SIGSTOP

import pytest
from playwright.sync_api import Response, Route, WebSocket, expect

from tests.e2e.conftest import Open, Stack, Wire
from tests.e2e.sight import STRONG, WEAK, below, live, new_lead, row, status
from tests.support.waiting import eventually

pytestmark = pytest.mark.e2e

# A relay that comes and goes, by a clock that the test turns; the waits are told with the longest of all chances.
CONNECTIONS = """
async () => {
  const at = (name) => import(new URL(name, document.querySelector('script[type=module]').src));
  const { Feed } = await at('core/feed.js');
  let now = 1_000_000, tick = null;
  const waits = [], sockets = [], timers = [];
  Date.now = () => now;
  Math.random = () => 1;
  window.setInterval = (what) => (tick = what, 1);
  window.setTimeout = (what, ms) => (timers.push(what), waits.push(ms), timers.length);
  window.WebSocket = class {
    sent = [];
    constructor() { sockets.push(this); }
    send(text) { this.sent.push(JSON.parse(text)); }
    close() {}
  };
  const feed = new Feed({
    token: '', topics: [], apply() {}, refused() {}, snapshot: async () => ({ epoch: 'e', id: '1-0' }),
  });
  const position = { epoch: 'e', id: '1-0' };
  const hear = (message) => sockets.at(-1).onmessage({ data: JSON.stringify(message) });
  const subscribe = () => {
    hear({ t: 'ready', heartbeat_s: 20 });
    hear({ t: 'subscribed', position, resumed: true });
  };
  const lose = (reason = '') => {
    sockets.at(-1).onclose({ code: 1006, reason });
    timers.at(-1)();
    return waits.at(-1);
  };
  feed.start(position);
  const found = { refused: [1, 2, 3, 4, 5, 6].map(() => lose()) };
  found.short = [1, 2, 3].map(() => { subscribe(); now += 1000; return lose(); });
  subscribe(); now += 60_000; hear({ t: 'heartbeat', position });
  found.lasted = [lose(), lose()];
  found.told = [lose('restart; retry-after=2.5'), lose('feed_away; retry-after=4000')];
  subscribe();
  const silence = (ms) => { for (let n = 0; n < ms; n += 1000) { now += 1000; tick(); } };
  const count = () => sockets.length;
  const opened = count();
  silence(24_000); found.calm = sockets.at(-1).sent.filter(({ t }) => t === 'ping').length;
  silence(3000); found.asked = sockets.at(-1).sent.filter(({ t }) => t === 'ping').length;
  hear({ t: 'heartbeat', position }); silence(20_000); found.answered = count() - opened;
  silence(12_000); timers.at(-1)(); found.silent = count() - opened;
  subscribe(); feed.hurry(); found.hurried = sockets.at(-1).sent.filter(({ t }) => t === 'ping').length;
  silence(7000); timers.at(-1)(); found.dead = count() - opened;
  return found;
}
"""


def test_a_webhook_appears_on_the_page(stack: Stack, open_page: Open) -> None:
    page = live(open_page(stack.link("admin")))
    lead = new_lead()
    stack.tell(lead, **STRONG, stage="qualified", owner="Mara")
    shown = row(page, lead)
    expect(shown).to_be_visible()
    expect(shown.locator(".tier")).to_have_attribute("data-tier", "A")
    expect(shown).to_contain_text("Strong lead: decides within a month (+10), several meetings (+10)")
    expect(shown).to_contain_text("qualified")
    expect(shown).to_contain_text("Mara")
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(r"^[1-9]\d* leads?$"))


def test_the_order_follows_the_scores(stack: Stack, open_page: Open) -> None:
    rising, steady = new_lead(), new_lead()
    stack.tell(rising, **WEAK)
    stack.tell(steady, budget=50_000)
    page = live(open_page(stack.link("admin")))
    eventually(lambda: below(page, steady, rising))
    stack.tell(rising, **STRONG)
    eventually(lambda: below(page, rising, steady))
    expect(row(page, rising).locator(".delta")).to_have_attribute("data-way", "up")


def test_only_the_chosen_tiers_are_shown(stack: Stack, open_page: Open) -> None:
    strong, weak, late = new_lead(), new_lead(), new_lead()
    stack.tell(strong, **STRONG)
    stack.tell(weak, **WEAK)
    page = live(open_page(stack.link("admin")))
    expect(row(page, weak)).to_be_visible()
    page.get_by_role("button", name="Tier A", exact=True).click()
    expect(row(page, weak)).to_have_count(0)
    expect(row(page, strong)).to_be_visible()
    stack.tell(late, **WEAK)
    stack.tell(weak, **STRONG)  # it rises into the chosen tier
    expect(row(page, weak)).to_be_visible()
    expect(row(page, late)).to_have_count(0)


def test_the_keyboard_reaches_a_lead_and_comes_back(stack: Stack, open_page: Open) -> None:
    stack.tell(new_lead(), **STRONG)
    page = live(open_page(stack.link("admin")))
    name = page.locator(".lead-name").first
    expect(name).to_be_visible()
    eventually(lambda: page.keyboard.press("Tab") or page.locator(".lead-name:focus").count(), every_s=0)
    opened = page.locator(".lead-name:focus").inner_text()
    page.keyboard.press("Enter")
    panel = page.get_by_role("complementary")
    expect(panel.get_by_role("heading", name=opened)).to_be_focused()
    expect(panel.locator(".factor").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(page.get_by_role("button", name=opened)).to_be_focused()


def test_the_focus_stays_with_a_lead_that_moves(stack: Stack, open_page: Open) -> None:
    rising, steady = new_lead(), new_lead()
    stack.tell(rising, **WEAK)
    stack.tell(steady, budget=50_000)
    page = open_page("about:blank")
    # As in browsers that cannot move an element without taking it out.
    page.add_init_script("delete Element.prototype.moveBefore")
    page.goto(stack.link("admin"))
    name = live(page).get_by_role("button", name=rising)
    name.focus()
    stack.tell(rising, **STRONG)
    eventually(lambda: below(page, rising, steady))
    expect(name).to_be_focused()


def test_a_network_that_returns_while_the_rows_are_read_opens_no_second_socket(stack: Stack, open_page: Open) -> None:
    page = open_page("about:blank")
    sockets: list[WebSocket] = []
    page.on("websocket", lambda socket: sockets.append(socket))  # Playwright takes no built-in function

    def network_returns(route: Route) -> None:
        page.evaluate("dispatchEvent(new Event('online'))")
        route.continue_()

    page.route("**/api/v1/leads?*", network_returns)
    page.goto(stack.link("admin"))
    live(page)
    assert len(sockets) == 1


def test_the_way_back_opens_and_closes_the_panel(stack: Stack, open_page: Open) -> None:
    lead = new_lead()
    stack.tell(lead, **STRONG)
    page = live(open_page(stack.link("admin")))
    shown = page.get_by_role("complementary").get_by_role("heading", name=lead)
    page.get_by_role("button", name=lead).click()
    expect(shown).to_be_visible()
    page.get_by_role("link", name="Models").click()
    expect(shown).to_have_count(0)
    page.keyboard.press("Escape")
    page.go_back()
    expect(shown).to_be_visible()


def test_a_killed_api_is_shown_and_loses_nothing(stack: Stack, open_page: Open) -> None:
    page = live(open_page(stack.link("admin")))
    stack.api.send_signal(SIGKILL)
    expect(status(page)).to_contain_text("Reconnecting")
    expect(status(page)).to_contain_text("Live")

    page.context.set_offline(True)
    expect(status(page)).to_contain_text("Offline")
    stack.api.send_signal(SIGKILL)
    eventually(lambda: not stack.answers())
    eventually(stack.answers, within_s=60)
    lead = new_lead()
    stack.tell(lead, **STRONG)
    expect(row(page, lead)).to_have_count(0)
    page.context.set_offline(False)
    expect(row(page, lead)).to_be_visible()
    live(page)


def test_an_older_change_that_comes_late_is_dropped(stack: Stack, open_page: Open) -> None:
    page = open_page("about:blank")
    wire = Wire(page)
    page.goto(stack.link("admin"))
    live(page)
    lead, next_lead = new_lead(), new_lead()
    stack.tell(lead, **WEAK)
    expect(row(page, lead)).to_be_visible()
    stack.tell(lead, **STRONG)
    tier = row(page, lead).locator(".tier")
    expect(tier).to_have_attribute("data-tier", "A")
    wire.page_side.send(wire.carried(lead))
    stack.tell(next_lead, **STRONG)
    expect(row(page, next_lead)).to_be_visible()
    expect(tier).to_have_attribute("data-tier", "A")


def test_a_feed_that_begins_anew_is_followed_from_a_snapshot(stack: Stack, open_page: Open) -> None:
    page = open_page("about:blank")
    wire = Wire(page)
    page.goto(stack.link("admin"))
    live(page)
    missed = new_lead()
    wire.cut = True
    stack.tell(missed, **STRONG)
    eventually(lambda: page.wait_for_timeout(50) or wire.carried(missed))
    expect(row(page, missed)).to_have_count(0)
    wire.cut = False
    stack.lose_feed()
    stack.tell(new_lead(), **STRONG)
    expect(row(page, missed)).to_be_visible()
    live(page)


def test_a_connection_that_lasted_makes_the_failures_before_it_forgotten(stack: Stack, open_page: Open) -> None:
    found = open_page(stack.url).evaluate(CONNECTIONS)
    assert found["refused"] == [500, 1000, 2000, 4000, 8000, 8000]
    assert found["short"] == [8000, 8000, 8000]  # one that ends at once is one more of the series
    assert found["lasted"] == [500, 1000]
    assert found["told"] == [2500, 30_000]
    assert (found["calm"], found["asked"], found["answered"]) == (0, 1, 0)
    assert found["silent"] == 1  # after half a minute, where two and a half heartbeats are 50 s
    assert (found["hurried"], found["dead"]) == (1, 2)


def test_silence_is_shown_as_stale(stack: Stack, open_page: Open) -> None:
    page = open_page("about:blank")
    page.clock.install()
    page.goto(stack.link("admin"))
    live(page)
    api = stack.api
    api.send_signal(SIGSTOP)
    try:
        page.clock.fast_forward(60_000)
        expect(status(page)).to_have_text(re.compile(r"Stale since \d\d:\d\d:\d\d"))
    finally:
        api.send_signal(SIGCONT)
    page.clock.fast_forward(15_000)
    live(page)


def test_a_viewer_receives_no_value(stack: Stack, open_page: Open) -> None:
    lead = new_lead()
    stack.tell(lead, budget=424_242, meetings=2)
    page = open_page("about:blank")
    answers: list[Response] = []
    frames: list[str] = []
    page.on("response", lambda answer: answers.append(answer))
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(str(frame))))
    page.goto(stack.link("viewer"))
    live(page)
    page.get_by_role("button", name=lead).click()
    panel = page.get_by_role("complementary")
    expect(panel).to_contain_text("Your role shows the reasons")
    expect(panel.locator(".deliveries")).to_contain_text("2 attributes")
    expect(panel.get_by_text("What if?")).to_have_count(0)
    stack.tell(lead, budget=434_343, visits=12)
    expect(panel).to_contain_text("very many visits")
    bodies = [answer.text() for answer in answers if "/api/" in answer.url]
    for seen in ("".join(bodies), "".join(frames), page.content()):
        assert "large budget" in seen
        assert not re.search(r"424,?242|434,?343", seen)


def test_an_expired_link_says_how_to_get_another(stack: Stack, open_page: Open) -> None:
    page = live(open_page(stack.link("admin", "--expires", "10s")))
    expect(page.get_by_text("service6 token --role admin --link")).to_be_visible(timeout=20_000)
    expect(status(page)).to_contain_text("expired")


def test_a_link_signs_in_and_leaves_the_address(stack: Stack, open_page: Open) -> None:
    page = open_page(stack.url)
    link = stack.link("admin")
    page.get_by_label("Paste the link").fill("nonsense")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("alert")).to_contain_text("no token in that")
    page.get_by_label("Paste the link").fill(link)
    page.get_by_role("button", name="Open").click()
    live(page)
    page.goto(link)
    live(page)
    assert "token" not in page.url
    page.reload()
    live(page)

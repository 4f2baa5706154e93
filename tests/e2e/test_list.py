"""The list: long, narrowed, steered from the keyboard, and read while it changes."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from pipeline.security.privacy import looks_personal
from tests.e2e.conftest import Open, Stack
from tests.e2e.sight import PHONE, STRONG, WEAK, live, names, new_lead, panel, row
from tests.support.waiting import eventually

pytestmark = pytest.mark.e2e

MANY = 1200
MOST_DRAWN = 60  # rows in a window of 900 px, and those beyond it

ARRANGE = """
async () => {
  const { Ranking } = await import(new URL('leads/ranking.js', document.querySelector('script[type=module]').src));
  const ranking = new Ranking();
  const known = new Map();
  for (let round = 0; round < 300; round++) {
    const changed = new Map();
    for (let n = Math.floor(Math.random() * 8); n >= 0; n--) {
      const id = String(1 + Math.floor(Math.random() * 200));
      const lead = Math.random() < 0.2 ? null : { id, score: { score: Math.floor(Math.random() * 12) } };
      changed.set(id, lead);
      if (lead) known.set(id, lead); else known.delete(id);
    }
    ranking.update(changed);
    const sorted = [...known.values()].sort((a, b) => b.score.score - a.score.score || Number(a.id) - Number(b.id));
    if (JSON.stringify(ranking.ids) !== JSON.stringify(sorted.map(({ id }) => id))) return `differs in round ${round}`;
    if (ranking.ids.some((id, n) => ranking.indexOf(id) !== n)) return `an index is wrong in round ${round}`;
  }
  return 'sorted';
}
"""


# What the feed brings while the list is read anew stays, and where that reading fails it is tried again.
RENEW = """
async () => {
  const { Leads } = await import(new URL('leads/lead_store.js', document.querySelector('script[type=module]').src));
  const lead = (id, points, rev) => ({ id, external_id: id, score: { score: points, rev, tier: 'B' } });
  const page = (leads) => ({ leads, total: leads.length, next_cursor: null, position: null });
  const answer = (...leads) => new Response(JSON.stringify(page(leads)));
  const asked = [];
  const counts = (url) => new URL(url, location).searchParams.get('limit') === '1';
  window.fetch = (url) => (counts(url) ? answer() : new Promise((answered) => asked.push(answered)));
  const until = async (met) => {
    for (const late = Date.now() + 15000; !met() && Date.now() < late; ) await new Promise(requestAnimationFrame);
  };
  const leads = new Leads();
  leads.read();
  await until(() => asked.length);
  asked.shift()(answer(lead('1', 50, 1), lead('2', 40, 1)));
  await until(() => !leads.loading.value);
  const renewed = leads.renew();
  await until(() => asked.length);
  leads.apply([{ kind: 'score', key: 'lead:3', rev: 1, body: lead('3', 90, 1) }]);
  await new Promise((done) => setTimeout(done, 300));
  asked.shift()(answer(lead('1', 50, 1), lead('2', 40, 1)));
  await renewed; // what the feed brought may be shown already, and be lost by this
  await until(() => leads.order.value.length === 3);
  const kept = leads.order.value.join();
  leads.renew();
  await until(() => asked.length);
  asked.shift()(new Response('{}', { status: 503 }));
  await until(() => asked.length);
  asked.shift()?.(answer(lead('3', 90, 1), lead('1', 10, 2)));
  await until(() => leads.order.value.length === 2);
  return [kept, leads.order.value.join()];
}
"""

CONTACTS = """
async (texts) => {
  const { isContact } = await import(new URL('core/view.js', document.querySelector('script[type=module]').src));
  return texts.filter(isContact);
}
"""

# The list is paused while it is read anew; the feed begins anew while the search holds what the API refuses; it is also
# quicker than the answer about a lead that is not in the list; and then no server answers for it, nor for another.
ANSWERS = """
async () => {
  const at = (name) => import(new URL(name, document.querySelector('script[type=module]').src));
  const { Leads } = await at('leads/lead_store.js');
  const { look, openId } = await at('core/view.js');
  const lead = (id, points, rev) => ({ id, external_id: id, score: { score: points, rev, tier: 'B' } });
  const page = (...leads) => ({ leads, total: leads.length, next_cursor: null, position: { epoch: 'e', id: '7-0' } });
  const answers = [];
  window.fetch = async (url) => {
    const { status = 200, body, before } = answers.shift() ?? {};
    await before?.();
    return new Response(JSON.stringify(body ?? {}), { status });
  };
  const leads = new Leads();
  answers.push({ body: page(lead('1', 50, 1)) });
  await leads.read();
  answers.push({ body: page(lead('1', 50, 1), lead('2', 40, 1)), before: () => leads.pause() });
  await leads.renew();
  const paused = leads.order.value.join();
  answers.push({ body: page(lead('1', 50, 1)) });
  leads.resume();
  await new Promise((done) => setTimeout(done, 300));

  look({ text: 'anna@' });
  answers.push({ status: 422 }, { body: page() });
  const position = await leads.snapshot();
  const later = [];
  const timer = window.setTimeout;
  window.setTimeout = (what, ms) => (later.push(ms), timer(what, ms));
  answers.push({ status: 422 });
  await leads.renew();
  window.setTimeout = timer;
  look({ text: '' });

  const settle = async () => {
    leads.apply([{ kind: 'score', key: 'lead:9', rev: 2, body: { ...lead('9', 20, 2), owner: 'Mara' } }]);
    await new Promise((done) => setTimeout(done, 300));
  };
  look({ owner: 'Nobody' });
  answers.push({ body: page() });
  await leads.read();
  answers.push({ body: lead('9', 10, 1), before: settle }, { body: lead('9', 20, 2) });
  await leads.show('9');
  const shown = leads.open.value.lead.score.rev;
  answers.push({ status: 503 });
  const refused = await leads.show('9').catch((problem) => problem.status);
  answers.push({ status: 503 });
  await leads.show('8').catch(() => null);
  return { paused, position: position.id, later, shown, refused, open: openId.value };
}
"""

# A lead falls out of what was read while nothing may move, and is in the next page.
FALL = """
async () => {
  const { Leads } = await import(new URL('leads/lead_store.js', document.querySelector('script[type=module]').src));
  const lead = (id, points, rev) => ({ id, external_id: id, score: { score: points, rev, tier: 'B' } });
  const pages = [
    { leads: [lead('1', 50, 1), lead('2', 40, 1), lead('3', 30, 1)], total: 5, next_cursor: 'next', position: null },
    { leads: [lead('4', 20, 1), lead('2', 10, 2), lead('5', 5, 1)], total: 5, next_cursor: null, position: null },
  ];
  window.fetch = async () => new Response(JSON.stringify(pages.shift()));
  const leads = new Leads();
  await leads.read();
  leads.hold(600);
  leads.apply([{ kind: 'score', key: 'lead:2', rev: 2, body: lead('2', 10, 2) }]);
  // With so few left it reads on by itself.
  const late = Date.now() + 10000;
  while (leads.cursor.value !== null && Date.now() < late) await new Promise(requestAnimationFrame);
  await new Promise((done) => setTimeout(done, 800)); // until what was held may move
  return leads.order.value.join(' ');
}
"""

# A filter is changed, twice, while no server answers; then one answers for the first of them, and later for the second.
NARROW = """
async () => {
  const at = (name) => import(new URL(name, document.querySelector('script[type=module]').src));
  const { Leads } = await at('leads/lead_store.js');
  const { look, lookAtAll } = await at('core/view.js');
  const now = new Date().toISOString();
  const lead = (id, tier, owner, updated_at = now) =>
    ({ id, external_id: `x${id}`, source: 'crm', owner, score: { score: 90 - id, rev: 1, tier, updated_at } });
  const old = lead('4', 'D', 'Bo', '2020-01-01T00:00:00Z');
  const all = [lead('1', 'A', 'Ada'), lead('2', 'B', 'Ada'), lead('3', 'A', 'Bo'), old];
  const page = (leads, next_cursor = 'more') => ({ leads, total: 99, next_cursor, position: null });
  let answer = async () => new Response(JSON.stringify(page(all)));
  const asked = [];
  window.fetch = (url) => (asked.push(String(url)), answer());
  const leads = new Leads();
  lookAtAll();
  leads.narrow();
  await leads.read();
  const seen = {};
  const see = (name) => {
    seen[name] = [leads.order.value.join(), leads.partial.value, leads.total.value, leads.canGrow.value];
  };
  const choose = async (name, filter) => {
    lookAtAll();
    look(filter);
    leads.narrow();
    see(`${name} at once`);
    await leads.read().catch(() => null);
    see(name);
  };
  see('all');
  answer = async () => { throw new TypeError('offline'); };
  await choose('A', { tiers: ['A'] });
  await choose('B', { tiers: ['B'] }); // of all that was read, not of what A left
  await choose('owner', { owner: 'Bo' });
  await choose('id', { text: 'X2' });
  await choose('person', { text: 'ada@example.com' });
  await choose('since', { owner: 'Bo', since: '1d' });
  const before = asked.length;
  await leads.readMore(); // what comes next of another view is no next page of this one
  seen.more = asked.length - before;
  leads.apply([{ kind: 'score', key: 'lead:0', rev: 1, body: lead('0', 'B', 'Ada') }]);
  await new Promise((done) => setTimeout(done, 300));
  await choose('A again', { tiers: ['A'] });
  await choose('B again', { tiers: ['B'] });
  let late;
  answer = () => new Promise((answered) => (late = answered));
  look({ tiers: ['A'] });
  leads.narrow();
  const reading = leads.read();
  look({ tiers: ['D'] });
  leads.narrow();
  late(new Response(JSON.stringify(page([all[0], all[2]]))));
  await reading;
  see('late');
  answer = async () => new Response(JSON.stringify(page([all[3]], null)));
  await leads.read();
  see('answered');
  lookAtAll();
  return seen;
}
"""


@pytest.fixture(scope="module")
def owner(stack: Stack) -> str:
    """Whose leads are many, and score from 20 to 60 or so."""
    name = f"Owner {uuid4().hex[:6]}"
    lines = [f"{name[6:]}-{n:04},{n * 400},{name},{n % 7}" for n in range(MANY)]
    stack.bring("\n".join(["id,budget,owner,visits", *lines]))
    return name


def listed(stack: Stack, open_page: Open, owner: str, **options: object) -> Page:
    """The page of that owner's leads, all of which have a score."""
    link = stack.link("admin").replace("/#", f"/?owner={owner.replace(' ', '+')}#")
    page = live(open_page(link, **options))
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{MANY:,} leads")
    return page


def test_a_ranking_is_what_sorting_would_give(stack: Stack, open_page: Open) -> None:
    assert open_page(stack.url).evaluate(ARRANGE) == "sorted"


def test_a_lead_that_fell_out_of_what_was_read_is_there_with_the_next_page(stack: Stack, open_page: Open) -> None:
    assert open_page(stack.url).evaluate(FALL) == "1 3 4 2 5"


def test_a_reading_anew_loses_nothing_that_came_meanwhile_and_is_tried_again(stack: Stack, open_page: Open) -> None:
    assert open_page(stack.url).evaluate(RENEW) == ["3,1,2", "3,1"]


def test_what_the_page_looks_up_is_what_the_server_takes_for_a_person(stack: Stack, open_page: Open) -> None:
    ids = ["2024-001234", "1001-2345", "2024-01-15", "20-24-001234", "44-20-7946-0958", "12/34567", "5551234567"]
    persons = ["+49 171 1234567", "555-123-4567", "030 123 4567", "call 0171 1234567", "anna@example.com"]
    assert list(filter(looks_personal, ids + persons)) == persons
    # As people type it; the server would take an id for it.
    assert open_page(stack.url).evaluate(CONTACTS, [*ids, *persons, "0171 1234567"]) == [*persons, "0171 1234567"]


def test_late_and_refused_answers_take_nothing_away(stack: Stack, open_page: Open) -> None:
    found = open_page(stack.url).evaluate(ANSWERS)
    assert found == {"paused": "1", "position": "7-0", "later": [], "shown": 2, "refused": 503, "open": "9"}


def test_no_row_is_shown_that_the_filter_does_not_show(stack: Stack, open_page: Open) -> None:
    seen = open_page(stack.url).evaluate(NARROW)
    assert seen.pop("more") == 0
    assert seen.pop("all") == ["1,2,3,4", False, 99, True]
    assert seen.pop("answered") == ["4", False, 99, False]
    assert seen.pop("late") == ["", True, None, False]
    shown = {name: order for name, (order, *_) in seen.items() if not name.endswith("at once")}
    assert shown == {
        "A": "1,3",
        "B": "2",
        "owner": "3,4",
        "id": "2",
        "person": "",
        "since": "3",
        "A again": "1,3",
        "B again": "0,2",
    }
    assert all(state == [True, None, False] for _, *state in seen.values())
    assert all(seen[name][0] == seen[f"{name} at once"][0] for name in shown)


def test_a_filter_works_on_what_was_read_while_the_network_is_away(stack: Stack, open_page: Open) -> None:
    mark = uuid4().hex[:6]
    leads = {f"Away-{mark}-{name}": told for name, told in (("a", STRONG), ("d", WEAK))}
    for lead, told in leads.items():
        stack.tell(lead, **told)
    page = live(open_page(stack.link("admin").replace("/#", f"/?q=away-{mark}#")))
    strong, weak = (row(page, lead) for lead in leads)
    expect(weak).to_be_visible()
    tiers = [page.get_by_role("button", name=f"Tier {tier}", exact=True) for tier in "ABCD"]
    weakest = weak.locator(".tier").get_attribute("data-tier")
    page.context.set_offline(True)
    expect(page.get_by_role("status").first).to_contain_text("Offline")
    tiers[0].click()
    expect(strong).to_be_visible()
    expect(weak).to_have_count(0)
    expect(page.get_by_role("alert")).to_contain_text("there may be more leads like that")
    expect(page.get_by_role("heading", level=1)).to_have_text("1 lead so far")
    tiers[0].click()
    tiers["ABCD".index(str(weakest))].click()
    expect(weak).to_be_visible()
    expect(strong).to_have_count(0)
    tiers["ABCD".index(str(weakest))].click()
    tiers[1].click()
    expect(page.get_by_role("heading", name="None of those read before is like that")).to_be_visible()
    tiers[1].click()
    tiers[0].click()
    page.context.set_offline(False)
    live(page)
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_role("heading", level=1)).to_have_text("1 lead")
    expect(strong).to_be_visible()


def test_a_long_list_draws_what_is_in_sight_and_reads_on_below(stack: Stack, open_page: Open, owner: str) -> None:
    page = listed(stack, open_page, owner)
    seen: set[str] = set()

    def at_the_end() -> bool:
        page.mouse.wheel(0, 4000)
        seen.update(names(page))
        assert page.locator(".lead").count() <= MOST_DRAWN
        return "that is all" in page.locator(".more").inner_text()

    eventually(at_the_end, within_s=30)
    page.keyboard.press("End")
    expect(page.locator(f'[aria-rowindex="{MANY + 1}"]')).to_be_visible()
    assert page.locator(".lead").count() <= MOST_DRAWN
    page.keyboard.press("g")
    expect(page.locator('[aria-rowindex="2"]')).to_be_visible()


def test_what_is_read_stays_where_it_is_while_leads_arrive_above(stack: Stack, open_page: Open, owner: str) -> None:
    page = listed(stack, open_page, owner)
    page.evaluate("scrollTo(0, 1500)")
    page.mouse.move(5, 5)
    read = page.locator(".lead").nth(20)
    lead = read.get_attribute("data-lead")
    place = page.locator(f'[data-lead="{lead}"]')
    before = place.bounding_box()
    for _ in range(2):
        stack.tell(new_lead(), **STRONG, owner=owner)
    expect(page.get_by_role("button", name="2 new above")).to_be_visible()
    after = place.bounding_box()
    assert (before and before["y"]) == pytest.approx(after and after["y"], abs=1)
    page.get_by_role("button", name="2 new above").click()
    assert page.evaluate("scrollY") == 0
    expect(page.get_by_role("button", name="new above")).to_have_count(0)


def test_a_paused_list_counts_what_waits_and_then_shows_it(stack: Stack, open_page: Open) -> None:
    page = live(open_page(stack.link("admin")))
    lead = new_lead()
    page.keyboard.press("p")
    expect(page.get_by_role("status").first).to_have_text(re.compile("Paused"))
    stack.tell(lead, **STRONG)
    expect(page.get_by_role("button", name="Resume live changes")).to_contain_text("1 waiting")
    expect(row(page, lead)).to_have_count(0)
    page.keyboard.press("p")
    expect(row(page, lead)).to_be_visible()
    live(page)


def test_letters_walk_search_and_open(stack: Stack, open_page: Open) -> None:
    mark = uuid4().hex[:6]
    for n in (1, 2):
        stack.tell(f"Key-{mark}-{n}", **(STRONG if n == 1 else WEAK))
    page = live(open_page(stack.link("admin")))
    page.keyboard.press("/")
    page.keyboard.type(f"key-{mark}")
    expect(page.get_by_role("heading", level=1)).to_have_text("2 leads")
    assert f"q=key-{mark}" in page.url
    page.keyboard.press("Tab")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.get_by_role("button", name=f"Key-{mark}-2")).to_be_focused()
    page.keyboard.press("Enter")
    expect(panel(page).get_by_role("heading", name=f"Key-{mark}-2")).to_be_focused()
    page.keyboard.press("k")
    expect(panel(page).get_by_role("heading", name=f"Key-{mark}-1")).to_be_focused()
    copied = page.url
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name=f"Key-{mark}-1")).to_be_focused()
    page.keyboard.press("x")
    expect(page).not_to_have_url(re.compile("q="))
    page.goto(copied)
    expect(panel(page).get_by_role("heading", name=f"Key-{mark}-1")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("2 leads")


def test_a_person_is_looked_up_and_kept_out_of_the_address(stack: Stack, open_page: Open) -> None:
    lead = new_lead()
    stack.tell(lead, **STRONG, email=f"{lead}@example.com")
    page = live(open_page(stack.link("admin")))
    expect(row(page, lead)).to_be_visible()
    page.get_by_role("searchbox").fill(f"{lead}@example.com")
    expect(page.get_by_role("heading", level=1)).to_have_text("1 lead")
    expect(row(page, lead)).to_be_visible()
    assert "@" not in page.url
    assert "example" not in page.url
    page.get_by_role("searchbox").fill("nobody@example.com")
    expect(page.get_by_role("heading", name="Nobody has exactly this")).to_be_visible()


def test_the_palette_goes_to_a_lead_and_commands(stack: Stack, open_page: Open) -> None:
    lead = new_lead()
    stack.tell(lead, **WEAK)
    page = live(open_page(stack.link("admin")))
    page.keyboard.press("Control+k")
    expect(page.get_by_label("Command or lead id")).to_be_focused()
    page.keyboard.type(lead)
    expect(page.get_by_role("listbox").get_by_role("option", selected=True)).to_contain_text(lead)
    page.keyboard.press("Enter")
    expect(panel(page).get_by_role("heading", name=lead)).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.keyboard.type("compact")
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-density", "compact")
    page.keyboard.press("t")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-density", "compact")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    live(page).keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("pause and resume live changes")


def test_a_phone_finds_everything_by_touch(stack: Stack, open_page: Open) -> None:
    mark, lead = uuid4().hex[:6], new_lead()
    stack.tell(lead, **STRONG, owner=f"Owner {mark}")
    page = live(open_page(stack.link("admin"), viewport=PHONE, has_touch=True, is_mobile=True))
    page.get_by_role("button", name="Filters").tap()
    page.get_by_label("Owner", exact=True).select_option(f"Owner {mark}")
    expect(page.get_by_role("heading", level=1)).to_have_text("1 lead")
    page.get_by_role("button", name=lead).tap()
    expect(panel(page).get_by_role("heading", name=lead)).to_be_visible()
    panel(page).get_by_role("button", name="Close").tap()
    page.get_by_role("button", name="Commands").tap()
    page.get_by_role("option", name="Show all leads").tap()
    expect(page).not_to_have_url(re.compile("owner"))

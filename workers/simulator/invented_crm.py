"""An invented CRM: its leads arrive, are worked on, and are won or lost.

Everything follows from its seed and the times of the calls.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from schemas.score import Value
from workers.simulator.notice import Notice

OPEN_LEADS = 2000  # that it remembers; of more it loses sight of the oldest
NEW_SHARE = 0.25  # of what happens is a lead that nobody knew
FEWEST_OPEN = 30
HISTORY_DAYS = 180
STAGES = ("new", "contacted", "qualified", "proposal")

FIRST_NAMES = (
    "Ada Bram Chiara Dmitri Elif Farah Goran Hana Ines Jonas Kofi Lena Mateo Noor Oskar Priya Ravi Sofia".split()
)
LAST_NAMES = (
    "Adeyemi Bakker Costa Dubois Eriksen Ferrari Garcia Haddad Ivanov Jansen Kowalski Lindt Moreau Novak".split()
)
OWNERS = ("Mara Lindqvist", "Tom Okafor", "Yuki Tanaka", "Rosa Delgado", "Sam Whitfield")
COMPANIES = "Brightwater Copperleaf Dunmore Eastgate Fernhill Graystone Harborline Ironwood Juniper Kestrel".split()
INDUSTRIES = ("software", "manufacturing", "logistics", "health care", "retail", "energy")
CITIES = ("Lisbon", "Rotterdam", "Austin", "Leeds", "Gdansk", "Valencia")


@dataclass
class InventedLead:
    """A lead of the CRM. `quality`, 0 to 1, is hidden and decides all that it does."""

    id: str
    quality: float
    buys_home: bool
    stage: int
    figures: dict[str, int]  # what has been counted so far


class InventedCrm:
    def __init__(self, seed: int) -> None:
        self._chance = Random(seed)  # noqa: S311 - nothing secret
        self._prefix = f"sim-{seed & 0xFFFFFF:x}"
        self._made = 0
        self._open: deque[InventedLead] = deque(maxlen=OPEN_LEADS)

    def next(self, now: datetime) -> Notice:
        """A new lead, or something that one of the open ones does."""
        if len(self._open) < FEWEST_OPEN or self._chance.random() < NEW_SHARE:
            return self._created(now)
        return self._moved(self._chance.choice(self._open), now)

    def history(self, leads: int, now: datetime) -> Iterator[Notice]:
        """The notices of that many leads of the past months, the oldest lead first."""
        ages = sorted((self._chance.uniform(0, HISTORY_DAYS) for _ in range(leads)), reverse=True)
        for age in ages:
            created = now - timedelta(days=age)
            yield self._created(created)
            if self._chance.random() < 0.6:
                # Interest fades, so later changes come soon after the first.
                later = created + timedelta(days=min(age, self._chance.expovariate(1 / 20)))
                yield self._moved(self._open[-1], later, ended=age > 60 and self._chance.random() < 0.6)

    def _created(self, at: datetime) -> Notice:
        chance = self._chance
        self._made += 1
        lead = InventedLead(f"{self._prefix}-{self._made}", chance.betavariate(2, 3), chance.random() < 0.4, 0, {})
        self._open.append(lead)
        attributes = self._home_buyer(lead) if lead.buys_home else self._business(lead)
        attributes |= {"stage": STAGES[0], "owner": chance.choice(OWNERS), "last_activity_at": at.isoformat()}
        return Notice("lead.created", at, {"id": lead.id, **self._person(), **attributes})

    def _person(self) -> dict[str, Value]:
        chance = self._chance
        first, last = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES)
        return {
            "first_name": first,
            "last_name": last,
            "email": f"{first}.{last}{self._made}@example.com".lower(),
            # 555-0100 to 0199 belong to nobody.
            "phone": f"+1 {chance.randint(201, 989)} 555 01{chance.randint(0, 99):02d}",
        }

    def _business(self, lead: InventedLead) -> dict[str, Value]:
        chance, quality = self._chance, lead.quality
        return {
            "company": f"{chance.choice(COMPANIES)} {chance.choice(('Ltd', 'GmbH', 'Inc', 'BV'))}",
            "industry": chance.choice(INDUSTRIES),
            "company_size": int(chance.lognormvariate(3 + 3 * quality, 1)) + 1,
            "budget": round(chance.lognormvariate(9 + 3 * quality, 0.8), -2),
            "timeline_days": int(chance.uniform(10, 60 + 300 * (1 - quality))),
            "seniority": self._better(quality, ("founder", "vp", "director", "manager", "specialist", "intern")),
            "lead_source": self._better(quality, ("referral", "webinar", "organic", "website", "ads", "cold call")),
            "visits": self._count(lead, "visits", 6 * quality),
            "email_opens": self._count(lead, "email_opens", 3 * quality),
        }

    def _home_buyer(self, lead: InventedLead) -> dict[str, Value]:
        chance, quality = self._chance, lead.quality
        return {
            "city": chance.choice(CITIES),
            "bedrooms": chance.randint(1, 5),
            "price_max": round(chance.uniform(120_000, 250_000 + 500_000 * quality), -3),
            "move_in_days": int(chance.uniform(14, 60 + 330 * (1 - quality))),
            "financing": self._better(quality, ("cash", "pre-approved", "applied", "pending", "none")),
            "occupation": self._better(quality, ("self-employed", "employed", "working professional", "student")),
            "lead_source": self._better(quality, ("referral", "open house", "website", "portal", "social")),
            "property_views": self._count(lead, "property_views", 8 * quality),
        }

    def _better(self, quality: float, words: tuple[str, ...]) -> str:
        """A word near the front for a good lead, near the back for a poor one."""
        place = self._chance.gauss((1 - quality) * (len(words) - 1), 1)
        return words[min(len(words) - 1, max(0, round(place)))]

    def _count(self, lead: InventedLead, name: str, mean: float) -> int:
        seen = lead.figures.get(name, 0) + int(self._chance.expovariate(1 / (mean + 0.1)))
        lead.figures[name] = seen
        return seen

    def _moved(self, lead: InventedLead, at: datetime, *, ended: bool = False) -> Notice:
        action = self._end if ended else self._chance.choice(self._actions(lead))
        attributes: dict[str, Value] = {"last_activity_at": at.isoformat()}
        return Notice("lead.updated", at, {"id": lead.id, **attributes, **action(lead)})

    def _actions(self, lead: InventedLead) -> list[Callable[[InventedLead], dict[str, Value]]]:
        keen = lead.quality > 0.35
        return [self._visit, self._read, self._meet if keen else self._visit, self._advance if keen else self._end]

    def _visit(self, lead: InventedLead) -> dict[str, Value]:
        views = "property_views" if lead.buys_home else "visits"
        return {
            views: self._count(lead, views, 4 * lead.quality) + 1,
            "time_on_site_s": self._count(lead, "time_on_site_s", 900 * lead.quality),
        }

    def _read(self, lead: InventedLead) -> dict[str, Value]:
        return {
            "email_opens": self._count(lead, "email_opens", 2) + 1,
            "email_clicks": self._count(lead, "email_clicks", 2 * lead.quality),
        }

    def _meet(self, lead: InventedLead) -> dict[str, Value]:
        meetings = lead.figures["meetings"] = lead.figures.get("meetings", 0) + 1
        return {"showings" if lead.buys_home else "meetings": meetings}

    def _advance(self, lead: InventedLead) -> dict[str, Value]:
        lead.stage += 1
        return {"stage": STAGES[lead.stage]} if lead.stage < len(STAGES) else self._end(lead)

    def _end(self, lead: InventedLead) -> dict[str, Value]:
        self._open.remove(lead)
        won = self._chance.random() < lead.quality
        return {"stage": "closed won" if won else "closed lost", "outcome": "won" if won else "lost"}

"""Leads a second of `service6 import leads`: 100,000 rows of 20 columns, from the first byte read to the last commit.

Once as CRMs export them (names, e-mail address, telephone number: sealed) and once without personal data; then the
same file again, which changes nothing. No workers run, as scoring has benchmarks of its own.

    python -m benchmarks.import_leads
"""

import csv
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from sqlalchemy import text

from benchmarks.bench import bench_services
from benchmarks.record import record
from pipeline.importing.csv_rows import Layout
from pipeline.wiring import Services
from tasks import app as tasks_app
from workers.importer.importer import Importer

ROWS = 100_000
ROUNDS = 3
WORDS = "alpha bravo coral delta ember fjord grove haven iris jade kite lotus maple north ocean pearl".split()

Column = Callable[[Random, int], object]

PERSONAL: dict[str, Column] = {
    "First Name": lambda chance, n: chance.choice(WORDS).title(),
    "Last Name": lambda chance, n: f"{chance.choice(WORDS)}{n % 5000}".title(),
    "Email": lambda chance, n: f"{chance.choice(WORDS)}.{n}@example.com",
    "Phone": lambda chance, n: f"+1 {chance.randint(201, 989)} 555 01{n % 100:02}",
}
INSTEAD: dict[str, Column] = {
    "Campaign": lambda chance, n: f"{chance.choice(WORDS)}-{n % 5000}",
    "Landing Page": lambda chance, n: f"/{chance.choice(WORDS)}/{n % 300}",
    "Device": lambda chance, n: chance.choice(("phone", "desktop", "tablet")),
    "Language": lambda chance, n: chance.choice(("en", "de", "fr", "nl")),
}
COMMON: dict[str, Column] = {
    "Company": lambda chance, n: f"{chance.choice(WORDS)} {n} Ltd".title(),
    "Industry": lambda chance, n: chance.choice(WORDS),
    "Employees": lambda chance, n: chance.randint(1, 5000),
    "Lead Source": lambda chance, n: chance.choice(("Referral", "Google", "Webinar", "Cold call")),
    "Stage": lambda chance, n: chance.choice(("new", "contacted", "qualified")),
    "Owner": lambda chance, n: f"Owner {n % 12}",
    "Budget": lambda chance, n: chance.randint(1, 400) * 500,
    "Timeline Days": lambda chance, n: chance.randint(1, 400),
    "TotalVisits": lambda chance, n: chance.randint(0, 30),
    "Total Time Spent on Website": lambda chance, n: chance.randint(0, 3000),
    "Page Views Per Visit": lambda chance, n: round(chance.uniform(0, 9), 2),
    "Country": lambda chance, n: chance.choice(("PT", "NL", "DE", "PL", "")),
    "Do Not Email": lambda chance, n: chance.choice(("Yes", "No")),
    "Job Title": lambda chance, n: chance.choice(("CEO", "Manager", "Analyst", "VP Sales")),
    "Created": lambda chance, n: f"2026-0{n % 9 + 1}-1{n % 10} 0{n % 10}:15:00",
}


def main() -> None:
    rates: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        files = {
            "with_personal_data": _written(Path(name) / "personal.csv", {**PERSONAL, **COMMON}),
            "without_personal_data": _written(Path(name) / "plain.csv", {**INSTEAD, **COMMON}),
        }
        with bench_services() as services:
            tasks_app.connect(services.settings)
            for _ in range(ROUNDS):
                for kind, path in files.items():
                    with services.session() as db:
                        db.execute(text("TRUNCATE leads, unscored, lead_contacts, scores"))
                    rates.setdefault(kind, []).append(_imported(services, path, new=ROWS))
                    rates.setdefault(f"{kind}_again", []).append(_imported(services, path, new=0))
    record(
        "import",
        {
            "rows": ROWS,
            "columns": len(COMMON) + len(PERSONAL) + 1,
            "leads_per_second": {kind: round(statistics.median(found)) for kind, found in rates.items()},
            "rounds": {kind: [round(rate) for rate in found] for kind, found in rates.items()},
            "peak_memory_mb": {
                "reading": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
                "each_that_saves": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
            },
        },
    )


def _imported(services: Services, path: Path, *, new: int) -> float:
    began = time.perf_counter()
    with Importer(services, path, source="bench", layout=Layout("Lead ID", created="Created")) as work:
        work.survey()
        counts = work.run(lambda _: None)
    seconds = time.perf_counter() - began
    assert (counts.new, counts.changed, counts.rejected) == (new, 0, 0), counts
    return ROWS / seconds


def _written(path: Path, columns: dict[str, Column]) -> Path:
    chance = Random(6)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["Lead ID", *columns])
        writer.writerows([f"L-{n:07}", *(column(chance, n) for column in columns.values())] for n in range(ROWS))
    return path


if __name__ == "__main__":
    main()

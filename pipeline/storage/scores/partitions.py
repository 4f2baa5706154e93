"""Creates the monthly partitions of score_history."""

from collections.abc import Iterator
from datetime import date

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session


def ensure_months(db: Session | Connection, first: date, months: int) -> list[str]:
    """Creates the missing partitions of that many months from the month of `first`, and returns their names.

    Rows that already lie in the default partition move to their month.
    """
    wanted = list(_months(first, months))
    if not _missing(db, wanted):
        return []
    # Held to the end of the transaction: no row may slip into the default partition while its month is made,
    # and of two callers the second finds nothing missing.
    db.execute(text("LOCK TABLE score_history_default IN ACCESS EXCLUSIVE MODE"))
    missing = _missing(db, wanted)
    for month, following in missing:
        _make(db, _name(month), f"'{month} 00:00:00+00'", f"'{following} 00:00:00+00'")
    return [_name(month) for month, _ in missing]


def _make(db: Session | Connection, name: str, start: str, end: str) -> None:
    # DDL takes no bound parameters; all three texts are made from dates.
    statements = (
        f"CREATE TABLE {name} (LIKE score_history INCLUDING DEFAULTS)",
        f"WITH moved AS (DELETE FROM score_history_default WHERE at >= {start} AND at < {end} RETURNING *) "  # noqa: S608
        f"INSERT INTO {name} SELECT * FROM moved",
        f"ALTER TABLE score_history ATTACH PARTITION {name} FOR VALUES FROM ({start}) TO ({end})",
    )
    for statement in statements:
        db.execute(text(statement))


def _missing(db: Session | Connection, wanted: list[tuple[date, date]]) -> list[tuple[date, date]]:
    there = text("SELECT to_regclass(:name) IS NOT NULL")
    return [pair for pair in wanted if not db.execute(there, {"name": _name(pair[0])}).scalar_one()]


def _name(month: date) -> str:
    return f"score_history_{month:%Y_%m}"


def _months(first: date, count: int) -> Iterator[tuple[date, date]]:
    """The first day of each month, and that of the next month."""
    month = first.replace(day=1)
    for _ in range(count):
        following = month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)
        yield month, following
        month = following

"""What an import says to people: what it has done, what it has mended or supposed, what a second import will do."""

from dataclasses import asdict

from pipeline.leads.values.doubts import MEANING
from pipeline.leads.values.reader import Doubt
from pipeline.printable import printable_lines
from workers.importer.importer import Counts, Importer

SEVERAL = (
    "The id of a lead is a hash of {}: a row that tells another value there becomes a new lead, "
    "and no webhook or other import can name these leads."
)
WHOLE_ROW = (
    "The id of a lead is a hash of its whole row: the same file again changes nothing, but a row that has changed "
    "becomes a new lead, two equal rows are one lead, and no webhook or other import can name these leads."
)


def summary(counts: Counts, work: Importer) -> str:
    numbers = {name: number for name, number in asdict(counts).items() if name != "doubts"}
    lines = [f"{name:<10}{number:>12,}" for name, number in numbers.items() if number or name != "merged"]
    lines += [
        f"{attribute}: {values:,} {MEANING[Doubt(doubt)]}"
        for attribute, by_doubt in sorted(counts.doubts.items())
        for doubt, values in by_doubt.items()
    ]
    if counts.rejected:
        lines.append(f"The rejected rows and why: {work.rejects}")
    if not work.enqueued:
        lines.append("Redis is away; the leads are safe, and upkeep will have them scored.")
    return printable_lines(lines)


def notes(work: Importer) -> str:
    """What people should know of how the file was read; empty if there is nothing to say."""
    lines = [note for column in work.rows.ids for note in column.notes()]
    file, names = work.file, work.layout.id_columns
    if file.short_rows:
        lines.append(
            f"{file.short_rows:,} rows have fewer cells than the header (the first in line {file.first_short_line}); "
            "the cells that they lack are empty."
        )
    if len(names) != 1:
        lines.append(SEVERAL.format(" and ".join(map(repr, names))) if names else WHOLE_ROW)
    return printable_lines(lines)

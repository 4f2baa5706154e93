"""Reads a stored lead again, under today's names and by today's reader; of several spellings the newest value stays."""

from collections.abc import Mapping
from dataclasses import replace

from pipeline.leads.merging import CONTACT, NEVER, OURS, SHARED, Lead, Stamp
from pipeline.leads.source_mapping import MappedValue, SourceMap
from schemas.score import Value

KEPT = frozenset({SHARED})


def reread(lead: Lead, source: SourceMap) -> Lead:
    """The lead as it would be, had its values come today. It needs its contacts opened."""
    told: list[tuple[Stamp, MappedValue]] = []
    ours = {name: value for name, value in lead.attributes.items() if name.startswith("$")}
    for name, value in lead.attributes.items():
        if name in ours:
            continue
        told.append((_stamp(lead, name), source.part(name, lead.raw.get(name, value))))
    for name, value in lead.contacts.items():
        if name not in OURS:
            told.append((_stamp(lead, CONTACT + name), source.part(name, value)))
    told.sort(key=lambda pair: (pair[0], pair[1].value is not None, -pair[1].rank))  # what comes later wins
    read = replace(lead, attributes=ours, raw={}, contacts={}, times=_own_times(lead.times))
    winners: dict[str, tuple[Stamp, MappedValue]] = {}
    for stamp, part in told:
        rival = winners.get(part.name)
        winners[part.name] = (stamp, part)
        _set(read, stamp, part)
        # Of one moment, what only stood for the attribute is kept under its own name, as `SourceMap.join` keeps it.
        if rival is not None and rival[0] == stamp and rival[1].field not in ("", part.name):
            _set(read, stamp, rival[1]._replace(name=rival[1].field))
    for name in OURS & lead.contacts.keys():
        read.contacts[name] = lead.contacts[name]
        read.times[CONTACT + name] = _stamp(lead, CONTACT + name)
    source.settle(read.attributes, read.raw)
    read.unsealed = read.contacts != lead.contacts
    return read


def reread_attributes(attributes: Mapping[str, Value], source: SourceMap) -> dict[str, Value]:
    """Attributes of a snapshot, which have no times, read again; what is personal is left out."""
    return source.tried(attributes)


def _own_times(times: Mapping[str, Stamp]) -> dict[str, Stamp]:
    return {name: stamp for name, stamp in times.items() if name in KEPT or name.startswith("$")}


def _stamp(lead: Lead, name: str) -> Stamp:
    return lead.times.get(name, lead.times.get(SHARED, NEVER))


def _set(lead: Lead, stamp: Stamp, part: MappedValue) -> None:
    """Sets one value; it is newer than all that were set before."""
    lead.attributes.pop(part.name, None)
    lead.raw.pop(part.name, None)
    lead.contacts.pop(part.name, None)
    if part.kind == "contact":
        lead.contacts[part.name] = part.value
        lead.times[CONTACT + part.name] = stamp
        lead.times.pop(part.name, None)
        return
    if part.value is not None:
        lead.attributes[part.name] = part.value
    if part.raw is not None:
        lead.raw[part.name] = part.raw
    if stamp != lead.times.get(SHARED) or part.value is None:
        lead.times[part.name] = stamp

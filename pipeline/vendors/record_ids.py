"""The forms of record ids, for vendors that write the id of one record in several.

Apart from the adapters, because an import needs no more of a vendor.
"""

from collections.abc import Callable
from typing import NamedTuple

from pipeline.vendors.salesforce import record_id


class RecordIds(NamedTuple):
    """`full`: the form under which a new lead is saved. `part`: what all forms begin with; None for no such id."""

    full: Callable[[str], str] = str
    part: Callable[[str], str | None] | None = None


RECORD_IDS = {"salesforce": RecordIds(record_id.full_id, record_id.record_part)}
ONE_FORM = RecordIds()

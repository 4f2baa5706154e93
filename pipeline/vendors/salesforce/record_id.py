"""The id of a Salesforce record: 15 characters whose case counts, or 18 with a checksum of that case behind them.

Outbound messages and the API tell 18, reports and exports 15.
https://help.salesforce.com/s/articleView?id=000385585
"""

import re

CASE_SENSITIVE = 15  # characters
PART = 5  # characters that one character of the checksum is for
CHECKSUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
RECORD_ID = re.compile(f"[A-Za-z0-9]{{{CASE_SENSITIVE}}}(?:[{CHECKSUM}]{{3}})?")


def full_id(external_id: str) -> str:
    """The id with its checksum; what is no id of Salesforce's stays as it is."""
    if len(external_id) != CASE_SENSITIVE or not RECORD_ID.fullmatch(external_id):
        return external_id
    parts = (external_id[at : at + PART] for at in range(0, CASE_SENSITIVE, PART))
    return external_id + "".join(map(_checksum, parts))


def record_part(external_id: str) -> str | None:
    """What both forms of an id have in common; None for what is no id of Salesforce's."""
    return external_id[:CASE_SENSITIVE] if RECORD_ID.fullmatch(external_id) else None


def _checksum(part: str) -> str:
    return CHECKSUM[sum(1 << place for place, letter in enumerate(part) if letter.isupper())]

"""Stores encrypted personal data; this module never sees it decrypted."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session


class SealedContact(NamedTuple):
    lead_id: int
    sealed: bytes
    email_index: bytes | None
    phone_index: bytes | None


def row_name(lead_id: int) -> str:
    """The name that a sealed value is bound to, so that it opens in no other row."""
    return f"lead_contacts:{lead_id}"


def sealed(db: Session, lead_ids: Sequence[int]) -> dict[int, bytes]:
    return {lead_id: bytes(value) for lead_id, value in db.execute(SEALED, {"ids": list(lead_ids)})}


def oldest_and_newest(db: Session) -> list[SealedContact]:
    """The contacts with the lowest and the highest lead id; fewer if there are fewer."""
    return [SealedContact(row[0], *(part and bytes(part) for part in row[1:])) for row in db.execute(ENDS)]


def find(db: Session, email_index: bytes | None, phone_indexes: Sequence[bytes], limit: int) -> list[int]:
    """Ids of the leads with this e-mail address or one of these telephone numbers; None and none match nobody."""
    wanted = {"email": email_index, "phones": list(phone_indexes), "limit": limit}
    return list(db.execute(FIND, wanted).scalars())


def saving(contacts: Sequence[SealedContact]) -> dict[str, Any]:
    """The parameters of SAVE, for leads that this transaction has locked."""
    return {
        "contact_ids": [contact.lead_id for contact in contacts],
        "sealed": [contact.sealed for contact in contacts],
        "emails": [contact.email_index for contact in contacts],
        "phones": [contact.phone_index for contact in contacts],
    }


SEALED = text("SELECT lead_id, sealed FROM lead_contacts WHERE lead_id = ANY(CAST(:ids AS bigint[]))")

ENDS = text("""
    (SELECT lead_id, sealed, email_index, phone_index FROM lead_contacts ORDER BY lead_id LIMIT 1)
    UNION
    (SELECT lead_id, sealed, email_index, phone_index FROM lead_contacts ORDER BY lead_id DESC LIMIT 1)
""")

FIND = text("""
    SELECT lead_id FROM lead_contacts
     WHERE email_index = :email OR phone_index = ANY(CAST(:phones AS bytea[]))
     LIMIT :limit
""")

SAVE = """
    INSERT INTO lead_contacts (lead_id, sealed, email_index, phone_index)
    SELECT * FROM unnest(CAST(:contact_ids AS bigint[]), CAST(:sealed AS bytea[]), CAST(:emails AS bytea[]),
                         CAST(:phones AS bytea[]))
        ON CONFLICT (lead_id) DO UPDATE
       SET sealed = excluded.sealed, email_index = excluded.email_index, phone_index = excluded.phone_index
"""

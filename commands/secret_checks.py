"""Checks whether the secrets are set and private, and whether they open what the database holds."""

from collections.abc import Iterator
from typing import cast

from commands.finding import Finding
from pipeline.errors import Refused, Service6Error
from pipeline.security.privacy import email_in
from pipeline.settings.loader import Settings
from pipeline.settings.secret_files import MAKE_ONE, SECRET_KEY, SECRET_KEY_FILE
from pipeline.storage.leads import contacts
from pipeline.storage.leads.contacts import SealedContact
from pipeline.wiring import Services
from schemas.score import Value
from workers.supervisor.running_stack import variables_of_the_running_stack

PRIVATE = ("secret-key", "webhook-secret-*", "flower-password", "servers.json")


def examine_secret_key(services: Services) -> Iterator[Finding]:
    if services.settings.secret_key.get_secret_value():
        yield Finding("secret key", "ok", "set")
    elif SECRET_KEY in variables_of_the_running_stack(services.settings.state_dir):
        mend = f"set {SECRET_KEY} in this shell too: without it no command can sign a token or read a contact"
        yield Finding("secret key", "warn", "set in the running stack; this shell lacks the variable", mend)
    else:
        mend = f"set {SECRET_KEY} ({MAKE_ONE}), or run `service6 up`, which makes one"
        yield Finding("secret key", "bad", "missing: no personal data can be sealed, no token signed", mend)
    yield from _permissions(services.settings)


def examine_sealed(services: Services) -> Iterator[Finding]:
    """Opens the oldest and the newest contact, because the key may have been changed in between."""
    try:
        with services.session() as db:
            samples = contacts.oldest_and_newest(db)
    except Service6Error as error:
        yield Finding("sealed contacts", "bad", str(error), "see the schema above")
        return
    if not samples:
        yield Finding("sealed contacts", "ok", "none yet")
    elif not services.settings.secret_key.get_secret_value():
        yield Finding("sealed contacts", "bad", "there are some, and no key to open them", f"set {SECRET_KEY}")
    else:
        yield next((wrong for contact in samples if (wrong := _wrong(services, contact))), OPEN)


OPEN = Finding("sealed contacts", "ok", "the key opens the oldest and the newest")


def _wrong(services: Services, contact: SealedContact) -> Finding | None:
    try:
        opened = services.vault.open(contact.sealed, contacts.row_name(contact.lead_id))
    except Refused as error:
        mend = f"add the key that they were sealed with to {SECRET_KEY} (or {SECRET_KEY_FILE}), after the newest"
        return Finding("sealed contacts", "bad", f"lead {contact.lead_id}: {error}", mend)
    email = email_in(cast(dict[str, Value], opened))
    if email and contact.email_index and services.vault.email_index(email) != contact.email_index:
        mend = f"the oldest key must stay the last in {SECRET_KEY}: look-ups and pseudonyms depend on it"
        return Finding("sealed contacts", "bad", "they open, but look-ups were made with another key", mend)
    return None


def _permissions(settings: Settings) -> Iterator[Finding]:
    for path in sorted(path for name in PRIVATE for path in settings.state_dir.glob(name)):
        if path.stat().st_mode & 0o077:
            mend = f"chmod 600 {path}; and if somebody may have read it, make a new secret"
            yield Finding(path.name, "warn", "can be read by other users of this machine", mend)

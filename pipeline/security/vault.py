"""Encrypts personal data, and finds it again by its value without storing the value.

A sealed value is: key id (4 bytes), nonce (12), AES-256-GCM ciphertext. The row it belongs to is authenticated with it,
so a sealed value that is copied to another row does not open.
"""

import hmac
import os
from collections.abc import Sequence
from hashlib import sha256

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pipeline.errors import Misconfigured, Refused
from pipeline.security.keys import KEY_ID_BYTES, UNSET, derive, key_id
from pipeline.security.phones import international
from pipeline.security.privacy import FEWEST_PHONE_DIGITS

NONCE_BYTES = 12
PSEUDONYM_CHARACTERS = 24


class Vault:
    """Encrypts and decrypts contacts. `secret_keys`: the newest first; older ones still open what they sealed.

    `phone_region`: the country (ISO 3166) of telephone numbers that name none.
    """

    def __init__(self, secret_keys: Sequence[str], phone_region: str = "DE") -> None:
        if not secret_keys:
            raise Misconfigured(UNSET)
        self._phone_region = phone_region
        derived = [derive(key, "contacts") for key in secret_keys]
        self._newest = key_id(derived[0])
        self._ciphers = {key_id(key): AESGCM(key) for key in derived}
        # Not the newest: a rotation must not give every lead and owner another pseudonym.
        self._keyed = hmac.new(derive(secret_keys[-1], "contact-index"), digestmod=sha256)

    def seal(self, contents: object, row: str) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._ciphers[self._newest].encrypt(nonce, orjson.dumps(contents), row.encode())
        return self._newest + nonce + sealed

    def open(self, sealed: bytes, row: str) -> object:
        """Decrypts a value. Raises Refused if it was changed, belongs to another row, or its key is not known."""
        cipher = self._ciphers.get(sealed[:KEY_ID_BYTES])
        if cipher is None:
            raise Refused("sealed with a key that is not configured")
        nonce, ciphertext = (
            sealed[KEY_ID_BYTES : KEY_ID_BYTES + NONCE_BYTES],
            sealed[KEY_ID_BYTES + NONCE_BYTES :],
        )
        try:
            return orjson.loads(cipher.decrypt(nonce, ciphertext, row.encode()))
        except (InvalidTag, ValueError):  # the second where even the nonce was cut off
            raise Refused("a sealed value was changed or belongs to another row") from None

    def email_index(self, email: str) -> bytes:
        return self._index("email", email.strip().casefold())

    def phone_index(self, phone: str) -> bytes:
        return self._index("phone", international(phone, self._phone_region))

    def indexes(self, contact: str) -> tuple[bytes | None, list[bytes]]:
        """The e-mail index of a contact, or the telephone indexes; None and none if it is neither."""
        if "@" in contact:
            return self.email_index(contact), []
        digits = "".join(filter(str.isdecimal, contact))
        if len(digits) < FEWEST_PHONE_DIGITS:
            return None, []
        # Leads of before were indexed by their digits as they came.
        return None, [self.phone_index(contact), self._index("phone", digits)]

    def pseudonym(self, identifier: str) -> str:
        """A stable pseudonym for a vendor's id that is itself an e-mail address or a telephone number."""
        return f"p_{self._index('id', identifier.strip().casefold()).hex()[:PSEUDONYM_CHARACTERS]}"

    def delivery(self, identifier: str) -> str:
        """A pseudonym for a delivery's id. Case counts: a delivery that is mistaken for another one is lost."""
        return f"p_{self._index('delivery', identifier).hex()[:PSEUDONYM_CHARACTERS]}"

    def compound(self, parts: Sequence[str]) -> str:
        """A pseudonym for values that only together are an id. Case counts, except in an e-mail address."""
        told = [part.casefold() if "@" in part else part for part in parts]
        return f"p_{self._index('compound', orjson.dumps(told).decode()).hex()[:PSEUDONYM_CHARACTERS]}"

    def _index(self, purpose: str, text: str) -> bytes:
        # The keyed hash is copied, because keying it again costs more than hashing the text.
        keyed = self._keyed.copy()
        keyed.update(f"{purpose}:{text}".encode())
        return keyed.digest()

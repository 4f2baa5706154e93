"""Reads the secret of a Standard Webhook as its sender may: base64, hexadecimal or text.

The standard has `whsec_` and base64. Senders also write `v1,whsec_…`, use the alphabet of URLs, leave out the padding,
write hexadecimal, or use the text itself as the key, with no prefix or one of their own. Where one text can be read in
several ways, each gives a key; a signature by any of them proves that its sender knows the secret. What no sender would
read is refused, because it would open nothing.
"""

import base64
import re

from pipeline.errors import Misconfigured

FEWEST_BYTES = 16  # of a key; fewer could be guessed
STANDARD = re.compile("(?:v1,)?whsec_(?P<encoded>.*)")
ASYMMETRIC = re.compile("(?:v1a,)?wh[ps]k_")
PLAIN_BASE64 = re.compile("(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
BASE64 = re.compile("[A-Za-z0-9+/]+|[A-Za-z0-9_-]+")
# Of one case and with a digit: in base64 both cases would occur.
HEXADECIMAL = re.compile("(?=.*[0-9])(?:(?:[0-9a-f]{2})+|(?:[0-9A-F]{2})+)")
# What comes along with a text that was copied from a document or a file of a shell: in front of it, behind it.
BEFORE, BEHIND = "\"'`<=", "\"'`>,;"
FORMS = "`whsec_` and base64 (or the sender's own text, as it shows it)"


def keys_of(secret: str) -> tuple[bytes, ...]:
    """The keys that a sender with this secret may sign with. Raises Misconfigured with what is wrong, not with it."""
    if not secret:
        raise Misconfigured(f"the secret is empty; it must be {FORMS}")
    if not (secret.isascii() and secret.isprintable()):
        raise Misconfigured("the secret holds a character beyond ASCII, which no sender uses; copy it once more")
    encoded = _standard(secret)
    if encoded is not None:
        # A few senders sign with the text that they show, or with what follows the prefix.
        return (*_decoded(encoded), encoded.encode(), secret.encode())
    if ASYMMETRIC.match(secret):
        raise Misconfigured("the secret is an asymmetric key (whpk_, whsk_); ask the sender for one with `whsec_`")
    if (
        secret[0] in BEFORE
        or secret[-1] in BEHIND
        or "whsec" in secret.casefold()
        or secret.startswith(("v1,", "v1a,"))
    ):
        raise Misconfigured(f"the secret has something before or behind it that is no part of it; it must be {FORMS}")
    if len(secret) < FEWEST_BYTES:
        raise _too_short(len(secret))
    others = (reading for reading in (base64_bytes(secret), _hexadecimal(secret)) if reading is not None)
    return (secret.encode(), *(key for key in others if len(key) >= FEWEST_BYTES))


def signing_key(secret: str) -> bytes:
    """The one key that we sign with, where a receiver must read the same. Raises Misconfigured as `keys_of`."""
    keys_of(secret)
    encoded = _standard(secret)
    # Without the prefix only what is plainly base64: any other text may be the key itself.
    text = encoded or (secret if PLAIN_BASE64.fullmatch(secret) else "")
    key = base64_bytes(text)
    if key is None or _hexadecimal(text) is not None:
        raise Misconfigured("the secret must be whsec_ and base64, as Standard Webhooks have it")
    if len(key) < FEWEST_BYTES:
        raise _too_short(len(key))
    return key


def base64_bytes(text: str) -> bytes | None:
    """Decodes base64 of either alphabet, with its padding or without; None for anything else."""
    bare = text.rstrip("=")
    padding = -len(bare) % 4
    if not BASE64.fullmatch(bare) or padding == 3 or len(text) - len(bare) not in (0, padding):
        return None
    return base64.b64decode(bare.replace("-", "+").replace("_", "/") + "=" * padding)


def _standard(secret: str) -> str | None:
    match = STANDARD.fullmatch(secret)
    return match and match["encoded"]


def _decoded(encoded: str) -> tuple[bytes, ...]:
    key = base64_bytes(encoded)
    if key is None:
        raise Misconfigured("what follows `whsec_` is no base64: it is cut off, or something was added to it")
    keys = tuple(reading for reading in (key, _hexadecimal(encoded)) if reading is not None)
    shortest = min(map(len, keys))
    if shortest < FEWEST_BYTES:
        raise _too_short(shortest)
    return keys


def _hexadecimal(text: str) -> bytes | None:
    return bytes.fromhex(text) if HEXADECIMAL.fullmatch(text) else None


def _too_short(length: int) -> Misconfigured:
    return Misconfigured(f"the secret is {length} bytes, and {FEWEST_BYTES} are the fewest that cannot be guessed")

"""Reads secrets from the environment or the state directory."""

import os
from pathlib import Path

from pipeline.errors import Misconfigured

FEWEST_CHARACTERS = 32  # of a secret key; base64 of 24 random bytes, or hexadecimal of 16
FEWEST_DIFFERENT = 8  # of them; fewer are no random text
MAKE_ONE = "make one with: openssl rand -base64 32"
SECRET_KEY = "SERVICE6_SECRET_KEY"  # noqa: S105 - a name
SECRET_KEY_FILE = "secret-key"  # noqa: S105
MADE_ANOTHER = "`service6 up` makes a new one"


def secret_key(state_dir: Path) -> str:
    """The secret keys, separated by spaces, the newest first; empty if there is none.

    Raises Misconfigured for a key that could be guessed, also an older one, because what it signed is still accepted.
    """
    given = os.environ.get(SECRET_KEY, "").strip()
    where = SECRET_KEY if given else str(state_dir / SECRET_KEY_FILE)
    keys = given or secret_file(state_dir, SECRET_KEY_FILE) or ""
    for number, key in enumerate(keys.split(), 1):
        which = f"key {number} of {where}" if len(keys.split()) > 1 else where
        if len(key) < FEWEST_CHARACTERS:
            reason = f"has {len(key)} characters, and {FEWEST_CHARACTERS} are the fewest that cannot be guessed"
            raise Misconfigured(f"{which} {reason}; {MAKE_ONE}")
        if len(set(key)) < FEWEST_DIFFERENT:
            raise Misconfigured(f"{which} repeats a few characters and could be guessed; {MAKE_ONE}")
    return keys


def secret_file(state_dir: Path, name: str, *, if_deleted: str = MADE_ANOTHER) -> str | None:
    """The content of a secret file; None if it does not exist. Raises Misconfigured if it is empty or unreadable.

    `if_deleted` says what happens where the file is deleted.
    """
    path = state_dir / name
    try:
        text = path.read_bytes().decode().strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read ({error.strerror}); run as its owner, or set --state-dir") from None
    except UnicodeDecodeError:
        raise Misconfigured(f"{path} is no text; put the secret back, or delete the file: {if_deleted}") from None
    if not text:
        raise Misconfigured(f"{path} is empty; put the secret back, or delete the file: {if_deleted}")
    return text

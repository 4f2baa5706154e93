"""The actor of a command, as the audit log names it."""

import os
import pwd


def actor() -> str:
    """The user account of the process, or its number where it has no name, as in a container."""
    uid = os.geteuid()
    try:
        return f"cli:{pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"cli:{uid}"

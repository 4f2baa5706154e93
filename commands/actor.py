"""Who acts in a terminal, as the audit log names them."""

import os
import pwd


def actor() -> str:
    """The account of the machine; a container may run as one without a name."""
    uid = os.geteuid()
    try:
        return f"cli:{pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"cli:{uid}"

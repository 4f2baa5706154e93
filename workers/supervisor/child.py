"""Replaces itself by another program that cannot outlive its parent.

Run as `python -I -S child.py UID GID SIGNAL PARENT PROGRAM [ARGUMENT…]`; uid -1 stays who it is.
A script and not a preexec function, because that would run Python between fork and exec.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def become(uid: int, gid: int, death_signal: int, parent: int, argv: list[str]) -> None:
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        # After setuid, which clears it.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:  # it died before the line above
            sys.exit(1)
    os.umask(0o077)
    os.execv(argv[0], argv)


if __name__ == "__main__":
    become(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:])

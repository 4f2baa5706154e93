"""A supervisor of small programs, in a process of its own: `python supervised.py DIRECTORY NAME…`.

Each program says in DIRECTORY/stops when it was asked to stop; one whose name begins with `stubborn` then goes on.
Each has a child of its own, as Celery's workers do, that dies with it as Celery's do.
"""

import sys
from pathlib import Path
from signal import SIGKILL

from workers.supervisor.program import Application, Program
from workers.supervisor.supervisor import Stopped, Supervisor

STANDIN = """
import ctypes, os, signal, sys
name, directory = sys.argv[1:]
def stop(*_):
    with open(directory + "/stops", "a") as stops:
        stops.write(name + "\\n")
    if not name.startswith("stubborn"):
        sys.exit()
signal.signal(signal.SIGTERM, stop)
if os.fork() == 0:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
while True:
    signal.pause()
"""


def main(directory: str, names: list[str]) -> None:
    supervisor = Supervisor([[name] for name in names], lambda line: print(line, flush=True))
    standins = [
        Application(
            Program(
                name=name,
                argv=(sys.executable, "-S", "-c", STANDIN, name, directory),
                log=Path(directory) / "log",
                death_signal=SIGKILL,
                grace_s=1.0,
            )
        )
        for name in names
    ]
    with supervisor.signals():
        try:
            supervisor.start(*standins)
            supervisor.wait_until_ready(*standins, within_s=10)
            print("ready", flush=True)
            supervisor.watch(lambda: None, 3600)
        except Stopped:
            print("stopping", flush=True)
        finally:
            supervisor.stop()
    print("stopped", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

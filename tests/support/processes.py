"""Other processes: what they show, whom they have started, whether they are gone."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import psutil

from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]
STOP_S = 30
# The environment of a machine without UTF-8: strict, and there without a locale to install, as zh_CN.GBK would be.
ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


class Terminal:
    """A command of ours that runs, and the lines it has written so far."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.lines: list[str] = []

    def shows(self, text: str, *, within_s: float = 30.0) -> str:
        """The first line with that text, as soon as it is there."""

        def found() -> str:
            line = next((line for line in self.lines if text in line), "")
            assert line, "\n".join(self.lines)
            return line

        return eventually(found, within_s=within_s)

    def family(self) -> list[int]:
        """Its process id, and those of all that it and its children have started."""
        services = psutil.Process(self.process.pid)
        return [services.pid, *(child.pid for child in services.children(recursive=True))]

    def read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())


@contextmanager
def terminal(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Iterator[Terminal]:
    """Runs it from the root of the repository; stops it at the end if it still runs."""
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    ) as process:
        shown = Terminal(process)
        reader = Thread(target=shown.read)
        reader.start()
        try:
            yield shown
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_S)
            process.kill()
            reader.join()


def gone(pid: int) -> bool:
    """Where nobody collects orphans an ended one stays as a zombie."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def all_gone(pids: Sequence[int]) -> bool:
    return all(gone(pid) for pid in pids)

"""Merges the files of prometheus_client's multiprocess mode, through which processes share their metrics.

Each process has one file per kind. Those of dead processes are merged into one, so that their number is bounded and no
count is lost if a merge is killed: a plan is written first, and the next process completes it.
"""

import fcntl
import json
import os
import re
import socket
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict

MERGED = 0  # stands where a process id would: no process has it
SUMMED = ("counter", "histogram", "summary")
NEWEST = "gauge_mostrecent"
LIVE = "gauge_live"
NAME = re.compile(rf"(?P<kind>{'|'.join(SUMMED)}|gauge_[a-z]+)_(?P<host>.+)-(?P<pid>\d+)\.db")

# The value of each key, and when it was written.
Figures = dict[str, tuple[float, float]]


def host() -> str:
    return socket.gethostname().replace("_", "-")  # the underscore parts the names of the files


@contextmanager
def whole(directory: Path) -> Iterator[list[Path]]:
    """Yields the files under the lock, after those of this host's dead processes were merged."""
    with _locked(directory):
        _merge_the_dead(directory)
        # A process that has just made its file has not written its length yet.
        yield [file for file in sorted(directory.glob("*.db")) if file.stat().st_size]


def merge_the_dead(directory: Path) -> None:
    """Merges the files of this host's dead processes; every host does so for its own."""
    with _locked(directory):
        _merge_the_dead(directory)


def complete(directory: Path) -> None:
    """Completes a merge that was killed; called before a process opens a file that a dead process may have left."""
    with _locked(directory):
        pass


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    descriptor = os.open(directory / "merging.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        for plan in directory.glob("merging-*.json"):
            _carry_out(plan)
        yield
    finally:
        os.close(descriptor)


def _merge_the_dead(directory: Path) -> None:
    dead: dict[str, list[Path]] = defaultdict(list)
    for file in directory.glob(f"*_{host()}-*.db"):
        name = NAME.fullmatch(file.name)
        if name and name["host"] == host() and int(name["pid"]) != MERGED and not _alive(int(name["pid"])):
            dead[name["kind"]].append(file)
    for kind in [kind for kind in dead if kind.startswith(LIVE)]:
        for file in dead.pop(kind):  # sockets and their like end with their process
            file.unlink(missing_ok=True)
    mergeable = {kind: files for kind, files in dead.items() if kind in SUMMED or kind == NEWEST}
    if mergeable:
        _carry_out(_plan(directory, mergeable))


def _plan(directory: Path, dead: Mapping[str, Sequence[Path]]) -> Path:
    """Writes the plan of a merge: which new files replace which. The merge is decided once the plan is written."""
    renamed, merged = {}, []
    for kind, files in dead.items():
        before = directory / f"{kind}_{host()}-{MERGED}.db"
        unfinished = directory / f"merging-{kind}-{host()}.tmp"
        _write(unfinished, _sum(kind, [before, *files]))
        renamed[unfinished.name] = before.name
        merged += [file.name for file in files]
    plan = directory / f"merging-{host()}.json"
    draft = plan.with_suffix(".draft")
    draft.write_text(json.dumps({"renamed": renamed, "merged": merged}), encoding="utf-8")
    draft.replace(plan)
    return plan


def _carry_out(plan: Path) -> None:
    """Carries out a plan; may be repeated after it was carried out in part."""
    steps = json.loads(plan.read_text(encoding="utf-8"))
    for unfinished, merged in steps["renamed"].items():
        if (plan.parent / unfinished).exists():
            (plan.parent / unfinished).replace(plan.parent / merged)
    for name in steps["merged"]:
        (plan.parent / name).unlink(missing_ok=True)
    plan.unlink()


def _sum(kind: str, files: Sequence[Path]) -> Figures:
    figures: Figures = {}
    for file in files:
        if not file.exists() or not file.stat().st_size:
            continue
        for key, value, at, _ in MmapedDict.read_all_values_from_file(str(file)):  # type: ignore[no-untyped-call]
            former, former_at = figures.get(key, (0.0, 0.0))
            if kind == NEWEST:
                figures[key] = (value, at) if at >= former_at else (former, former_at)
            else:
                figures[key] = (former + value, at)
    return figures


def _write(file: Path, figures: Figures) -> None:
    file.unlink(missing_ok=True)
    merged = MmapedDict(str(file))  # type: ignore[no-untyped-call]
    for key, (value, at) in figures.items():
        merged.write_value(key, value, at)  # type: ignore[no-untyped-call]
    merged.close()  # type: ignore[no-untyped-call]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

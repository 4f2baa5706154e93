"""What `service6 up` costs while nothing happens: processor time and memory (PSS) of all its processes.

python -m benchmarks.idle
"""

import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.bench import ROOT
from benchmarks.record import record
from workers.supervisor.embedded_server import free_port

SETTLE_S = 20.0
MEASURED_S = 60.0
MIB = 2**20


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="service6-bench-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)
        ports = ("--port", str(free_port()), "--flower-port", str(free_port()))
        argv = [sys.executable, "-m", "cli", "up", "--state-dir", name, *ports]
        with subprocess.Popen(argv, cwd=ROOT) as stack:
            try:
                time.sleep(SETTLE_S)
                figures = measure(psutil.Process(stack.pid))
            finally:
                stack.send_signal(signal.SIGINT)
                stack.wait(40)
    record("idle", figures)


def measure(supervisor: psutil.Process) -> dict[str, object]:
    everyone = [supervisor, *supervisor.children(recursive=True)]
    before = {process.pid: spent(process) for process in everyone}
    time.sleep(MEASURED_S)
    seconds = {process: spent(process) - before[process.pid] for process in everyone}
    memory = {process: process.memory_full_info().pss / MIB for process in everyone}
    return {
        "processes": len(everyone),
        "core_percent": round(100 * sum(seconds.values()) / MEASURED_S, 2),
        "pss_mib": round(sum(memory.values())),
        "largest": [
            {
                "process": " ".join(process.cmdline()[-6:])[:80].replace(str(ROOT), "."),
                "core_percent": round(100 * seconds[process] / MEASURED_S, 2),
                "pss_mib": round(memory[process]),
            }
            for process in sorted(everyone, key=memory.__getitem__, reverse=True)[:12]
        ],
        "measured_seconds": MEASURED_S,
    }


def spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


if __name__ == "__main__":
    main()

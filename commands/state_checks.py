"""Checks what `service6 up` keeps and shows on this machine: files, logs, metrics, Flower."""

from collections.abc import Iterator
from ipaddress import ip_address

from commands.finding import Finding
from pipeline.settings.loader import Settings
from pipeline.wiring import Services
from workers.supervisor import private_files

NAMED = 3  # files in a finding
MANY_FILES = 500  # of metrics: every scrape reads them all


def examine_state(services: Services) -> Iterator[Finding]:
    settings = services.settings
    if not settings.state_dir.is_dir():
        return
    yield _files(settings)
    yield _logs(settings)
    yield from _metrics(settings)
    yield _flower(settings)


def _files(settings: Settings) -> Finding:
    exposed = sorted(str(path.relative_to(settings.state_dir)) for path in private_files.exposed(settings.state_dir))
    if not exposed:
        return Finding("state files", "ok", "private")
    more = f" and {len(exposed) - NAMED} more" if len(exposed) > NAMED else ""
    problem = f"other users may read or enter {', '.join(exposed[:NAMED])}{more}"
    mend = f"run `service6 up` again, which closes them, or: chmod -R go-rwx {settings.state_dir}/{exposed[0]}"
    return Finding("state files", "warn", problem, mend)


def _logs(settings: Settings) -> Finding:
    logs = settings.logs
    sizes = [path.stat().st_size for path in (settings.state_dir / "logs").glob("*") if path.is_file()]
    bound = f"each of them at most {(logs.kept + 1) * logs.bytes / 1e6:,.0f} MB"
    usage = f"{sum(sizes) / 1e6:,.1f} MB, {bound}"
    if any(size > 2 * logs.bytes for size in sizes):
        mend = "run `service6 up`, which moves them aside while it runs"
        return Finding("logs", "warn", f"one is larger than {2 * logs.bytes / 1e6:,.0f} MB", mend)
    return Finding("logs", "ok", usage)


def _metrics(settings: Settings) -> Iterator[Finding]:
    number = len(list((settings.metrics_dir or settings.state_dir / "metrics").glob("*.db")))
    if number > MANY_FILES:
        mend = "a worker merges those of dead processes each minute; its log says why it does not"
        yield Finding("metric files", "warn", f"{number}", mend)
    elif number:
        yield Finding("metric files", "ok", f"{number}")


def _flower(settings: Settings) -> Finding:
    host, port = settings.flower.host, settings.flower.port
    if _is_loopback(host):
        return Finding("flower", "ok", f"on {host}:{port}, for this machine only")
    problem = f"listens on {host or '0.0.0.0'}:{port}, in plain HTTP, for whoever reaches this machine"  # noqa: S104
    return Finding("flower", "warn", problem, "set SERVICE6_FLOWER__HOST=127.0.0.1, or put it behind a proxy with TLS")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

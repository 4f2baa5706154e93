import os
import stat
from pathlib import Path

from workers.supervisor import private_files

LEFT_OPEN = (
    "secret-key",
    "webhook-secret-standard",
    "servers.json",
    "lock",
    "beat",
    "logs/api.log",
    "logs/api.log.1",
    "metrics/counter_host-1.db",
    "heartbeats/publisher",
    "postgres/password",
    "valkey/lock",
)
LEFT_ALONE = ("notes.txt", "project/README.md", "postgres/data/PG_VERSION", "postgres/binaries-18/bin/postgres")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_an_older_version_left_open_is_closed_and_nothing_else(tmp_path: Path) -> None:
    for name in (*LEFT_OPEN, *LEFT_ALONE):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(0o755)
        path.write_text("x", encoding="utf-8")
        path.chmod(0o644)
    exposed = {str(path.relative_to(tmp_path)) for path in private_files.exposed(tmp_path)}
    assert exposed == {*LEFT_OPEN, "logs", "metrics", "heartbeats", "postgres", "valkey"}
    private_files.tighten(tmp_path)
    assert {mode(tmp_path / name) for name in LEFT_OPEN} == {0o600}
    assert {mode(tmp_path / name) for name in ("logs", "metrics", "heartbeats")} == {0o700}
    passing = 0o711 if os.geteuid() == 0 else 0o700
    assert {mode(tmp_path / name) for name in ("postgres", "valkey")} == {passing}
    assert {mode(tmp_path / name) for name in LEFT_ALONE} == {0o644}
    assert mode(tmp_path / "project") == 0o755
    assert list(private_files.exposed(tmp_path)) == []


def test_a_link_leads_nowhere(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("x", encoding="utf-8")
    elsewhere.chmod(0o644)
    state = tmp_path / "state"
    (state / "logs").mkdir(parents=True)
    (state / "logs" / "api.log").symlink_to(elsewhere)
    (state / "secret-key").symlink_to(elsewhere)
    private_files.tighten(state)
    assert mode(elsewhere) == 0o644

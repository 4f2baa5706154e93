import base64
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import Misconfigured, Refused
from tests.support.directories import directory
from workers.supervisor import state_dir
from workers.supervisor.directory_lock import lock_directory
from workers.supervisor.embedded_server import Server
from workers.supervisor.postgres_and_valkey import Postgres, Valkey


def test_a_secret_is_made_once_and_is_private(tmp_path: Path) -> None:
    made, is_new = state_dir.secret(tmp_path, "webhook-secret-standard", 24, prefix="whsec_")
    assert is_new
    assert len(base64.b64decode(made.removeprefix("whsec_"))) == 24
    assert stat.S_IMODE((tmp_path / "webhook-secret-standard").stat().st_mode) == 0o600
    assert state_dir.secret(tmp_path, "webhook-secret-standard", 24) == (made, False)


@pytest.mark.parametrize("name", ["flower-password", "secret-key", "webhook-secret-standard"])
@pytest.mark.parametrize("content", ["", " \n"])
def test_an_empty_secret_is_refused_by_name(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(Misconfigured) as caught:
        state_dir.secret(tmp_path, name, 24)
    assert str(caught.value) == (
        f"{tmp_path / name} is empty; put the secret back, or delete the file: `service6 up` makes a new one"
    )


@pytest.mark.parametrize("server", [Postgres, Valkey])
def test_an_empty_password_of_a_server_is_refused_by_name(server: type[Server]) -> None:
    with directory() as path:
        (path / "password").touch()
        with pytest.raises(Misconfigured, match=r"/password is empty; .* delete the file: `service6 up` makes a new"):
            server(path, port=1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's servers run as another account")
def test_others_may_pass_through_roots_new_state_directory_even_with_a_strict_umask(tmp_path: Path) -> None:
    former = os.umask(0o077)
    try:
        state_dir.make(tmp_path / "var" / "state")
    finally:
        os.umask(former)
    for folder in (tmp_path / "var", tmp_path / "var" / "state"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o711


def test_nobody_enters_the_new_state_directory_of_an_ordinary_user(tmp_path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from workers.supervisor import state_dir
os.umask(0)
if os.geteuid() == 0:
    os.setuid(65534)
state_dir.make(Path(sys.argv[1]))
"""
    with directory() as path:
        path.chmod(0o777)
        subprocess.run([sys.executable, "-c", code, str(path / "state")], check=True, timeout=60)
        assert stat.S_IMODE((path / "state").stat().st_mode) == 0o700


def test_the_claim_names_its_holder_and_is_free_afterwards(tmp_path: Path) -> None:
    with (
        state_dir.held(tmp_path, "http://127.0.0.1:8000"),
        pytest.raises(Refused, match=f"process {os.getpid()}, http://127.0.0.1:8000"),
        state_dir.held(tmp_path, "http://127.0.0.1:9000"),
    ):
        pass
    with state_dir.held(tmp_path, "http://127.0.0.1:9000"):
        assert (tmp_path / "lock").read_text(encoding="utf-8") == f"{os.getpid()} http://127.0.0.1:9000"


def test_what_an_orphan_holds_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_dir, "ORPHANS_S", 0.1)
    orphan = lock_directory(tmp_path / "lock")
    assert orphan is not None
    (tmp_path / "lock").write_text("4194305 http://127.0.0.1:8000", encoding="utf-8")  # above the largest process id
    with (
        pytest.raises(Refused, match=r"still run.*wait for them to end"),
        state_dir.held(tmp_path, "http://127.0.0.1:8000"),
    ):
        pass
    os.close(orphan)


# The number of a supervisor that is dead: above the largest, or by now a stranger's.
@pytest.mark.parametrize("holder", [4194305, os.getppid()])
def test_orphans_are_killed_even_when_they_are_stopped(tmp_path: Path, holder: int) -> None:
    claimed = lock_directory(tmp_path / "lock")
    assert claimed is not None
    with subprocess.Popen(["sleep", "60"], pass_fds=[claimed]) as orphan:
        os.close(claimed)
        os.kill(orphan.pid, signal.SIGSTOP)
        (tmp_path / "lock").write_text(f"{holder} http://127.0.0.1:8000", encoding="utf-8")
        with state_dir.held(tmp_path, "http://127.0.0.1:8000"):
            assert orphan.wait() == -signal.SIGKILL

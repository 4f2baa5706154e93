"""The environment wins over the file; what is missing or wrong is told by its name, and no secret by its value."""

import json
from pathlib import Path

import pytest

from pipeline.errors import Misconfigured
from pipeline.settings import loader
from pipeline.settings.loader import Settings, default_state_dir, load
from pipeline.settings.server_urls import broker_url
from tests.support.keys import SECRET_KEY


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*loader.os.environ, "DATABASE_URL", "REDIS_URL"):
        if name.startswith("SERVICE6_") or name in {"DATABASE_URL", "REDIS_URL", "PROMETHEUS_MULTIPROC_DIR"}:
            monkeypatch.delenv(name, raising=False)


def production(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    given = {"SERVICE6_ENV": "production", "DATABASE_URL": "postgresql://db/x", "REDIS_URL": "redis://cache/0"}
    for name, value in {**given, "SERVICE6_SECRET_KEY": SECRET_KEY, **variables}.items():
        monkeypatch.setenv(name, value)


def test_the_file_gives_every_value(tmp_path: Path) -> None:
    loaded = load(tmp_path)
    assert (loaded.env, loaded.api.port, loaded.state_dir) == ("development", 8000, tmp_path)
    assert loaded.tiers.A > loaded.tiers.B
    assert len(loaded.scorecard.features) > 5


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE6_API__PORT", "9000")
    monkeypatch.setenv("SERVICE6_INTAKE__QUEUE_REQUESTS", "3")
    loaded = load(tmp_path)
    assert (loaded.api.port, loaded.intake.queue_requests) == (9000, 3)
    assert (loaded.api.host, loaded.intake.group_size) == ("127.0.0.1", 500)


def test_an_environment_is_laid_over_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    production(monkeypatch)
    loaded = load(tmp_path)
    assert (loaded.env, loaded.api.host, loaded.database.pool_size) == ("production", "0.0.0.0", 20)  # noqa: S104
    assert (loaded.database_url, loaded.redis_url) == ("postgresql+psycopg2://db/x?sslmode=require", "redis://cache/0")
    assert loaded.api.port == 8000


@pytest.mark.parametrize(
    ("url", "mode", "expected"),
    [
        ("postgresql+psycopg2://u:p@db/x", "", "postgresql+psycopg2://u:p@db/x"),
        ("postgresql+psycopg2://u:p@db/x", "verify-full", "postgresql+psycopg2://u:p@db/x?sslmode=verify-full"),
        (
            "postgresql+psycopg2://u:p@db/x?sslrootcert=ca.pem",
            "require",
            "postgresql+psycopg2://u:p@db/x?sslrootcert=ca.pem&sslmode=require",
        ),
        (
            "postgresql+psycopg2://u:p@db/x?sslmode=verify-full",
            "require",
            "postgresql+psycopg2://u:p@db/x?sslmode=verify-full",
        ),
        ("postgresql+psycopg2://u:why?@db/x", "require", "postgresql+psycopg2://u:why?@db/x?sslmode=require"),
    ],
)
def test_the_ssl_mode_is_part_of_the_address_unless_that_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, mode: str, expected: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("SERVICE6_DATABASE__SSL_MODE", mode)
    assert load(tmp_path).database_url == expected


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
def test_a_variable_that_production_needs_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    production(monkeypatch)
    monkeypatch.delenv(name)
    with pytest.raises(Misconfigured, match=f"needs the environment variable {name}"):
        load(tmp_path)


def test_production_needs_a_secret_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    production(monkeypatch, SERVICE6_SECRET_KEY="")
    with pytest.raises(Misconfigured, match="SERVICE6_SECRET_KEY"):
        load(tmp_path)


def test_an_environment_that_is_unknown_is_told_with_the_known_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE6_ENV", "staging")
    with pytest.raises(Misconfigured, match="one of development, production"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("variable", "value", "setting"),
    [
        ("SERVICE6_API__PORT", "seventy", "api.port"),
        ("SERVICE6_API__PORT", "70000", "api.port"),
        ("SERVICE6_API__TYPO", "1", "api.TYPO"),
        ("SERVICE6_DATABASE__SSL_MODE", "yes", "database.ssl_mode"),
        ("SERVICE6_TIERS__A", "10", "tiers"),
    ],
)
def test_a_wrong_value_is_told_by_its_setting_and_not_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, setting: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(Misconfigured, match=rf"(?i)configuration, {setting}: ") as caught:
        load(tmp_path)
    assert "seventy" not in str(caught.value)


def test_without_servers_the_text_says_what_to_run(tmp_path: Path) -> None:
    loaded = load(tmp_path)
    with pytest.raises(Misconfigured, match=r"DATABASE_URL is not set.*service6 up"):
        _ = loaded.database_url
    with pytest.raises(Misconfigured, match="REDIS_URL is not set"):
        _ = loaded.redis_url


def test_embedded_servers_are_found_and_the_environment_wins_over_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = {"DATABASE_URL": "postgresql+psycopg2://embedded/x", "REDIS_URL": "redis://embedded/0"}
    (tmp_path / "servers.json").write_text(json.dumps(urls), encoding="utf-8")
    assert load(tmp_path).database_url == urls["DATABASE_URL"]
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/x")
    loaded = load(tmp_path)
    assert (loaded.database_url, loaded.redis_url) == ("postgresql+psycopg2://elsewhere/x", urls["REDIS_URL"])


def secrets(loaded: Settings) -> list[str]:
    return [secret.get_secret_value() for secret in loaded.webhook_secrets["standard"]]


def test_a_source_has_no_one_or_two_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert secrets(load(tmp_path)) == []
    (tmp_path / "webhook-secret-standard").write_text("whsec_file\n", encoding="utf-8")
    assert secrets(load(tmp_path)) == ["whsec_file"]
    monkeypatch.setenv("SERVICE6_WEBHOOK_SECRET_STANDARD", " whsec_a  whsec_b ")
    assert secrets(load(tmp_path)) == ["whsec_a", "whsec_b"]
    monkeypatch.setenv("SERVICE6_WEBHOOK_SECRET_STANDARD", "whsec_a whsec_b whsec_c")
    with pytest.raises(Misconfigured, match="STANDARD holds 3 secrets; two"):
        load(tmp_path)


def test_no_secret_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    production(monkeypatch, SERVICE6_SECRET_KEY="hush-" + SECRET_KEY, SERVICE6_WEBHOOK_SECRET_STANDARD="whsec_hush")
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:hush@db/x")
    loaded = load(tmp_path)
    assert "hush" not in f"{loaded!r} {loaded} {loaded.model_dump_json()}"


def test_settings_do_not_change(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(tmp_path).env = "production"


def test_the_state_directory_is_the_chosen_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE6_STATE_DIR", str(tmp_path / "chosen"))
    assert default_state_dir() == load().state_dir == tmp_path / "chosen"


def test_as_root_below_a_closed_folder_the_state_lies_where_postgresql_can_reach_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.chdir(closed)
    monkeypatch.setattr(loader.os, "geteuid", lambda: 0)
    assert default_state_dir().parent == Path("/var/lib/service6")
    monkeypatch.setattr(loader.os, "geteuid", lambda: 1000)
    assert default_state_dir() == closed / ".service6"


def test_damaged_addresses_are_told(tmp_path: Path) -> None:
    (tmp_path / "servers.json").write_text('{"DATABASE_URL"', encoding="utf-8")
    with pytest.raises(Misconfigured, match="is damaged"):
        load(tmp_path)


def one_line(caught: pytest.ExceptionInfo[Misconfigured]) -> str:
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgres://me:word@db/x", "postgresql+psycopg2://me:word@db/x"),
        ("postgresql://me:word@db:5433/x?sslmode=require", "postgresql+psycopg2://me:word@db:5433/x?sslmode=require"),
        (" postgresql+psycopg2://db/x\n", "postgresql+psycopg2://db/x"),
        ("postgres:///x?host=/var/run/postgresql", "postgresql+psycopg2:///x?host=/var/run/postgresql"),
        ("postgres://me@%2Fvar%2Frun%2Fpostgresql/x", "postgresql+psycopg2://me@/x?host=/var/run/postgresql"),
        ("postgresql://[::1]:5432/x", "postgresql+psycopg2://[::1]:5432/x"),
    ],
)
def test_postgresql_may_be_written_in_every_usual_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, used: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", given)
    assert load(tmp_path).database_url == used


@pytest.mark.parametrize(
    ("given", "used", "broker"),
    [
        ("redis://:word@cache:6380/2", "redis://:word@cache:6380/2", "redis://:word@cache:6380/2"),
        ("valkey://cache", "redis://cache", "redis://cache"),
        ("rediss://cache/0", "rediss://cache/0", "rediss://cache/0?ssl_cert_reqs=required"),
        ("rediss://cache/0?ssl_cert_reqs=none",) * 3,
        ("unix:///run/redis.sock?db=3", "unix:///run/redis.sock?db=3", "redis+socket:///run/redis.sock?virtual_host=3"),
    ],
)
def test_redis_may_be_written_in_every_usual_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, used: str, broker: str
) -> None:
    monkeypatch.setenv("REDIS_URL", given)
    assert load(tmp_path).redis_url == used
    assert broker_url(used) == broker


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("DATABASE_URL", "mysql://me:s3cret@db/x", "write postgresql://"),
        ("DATABASE_URL", "postgresql+asyncpg://me:s3cret@db/x", "write postgresql://"),
        ("DATABASE_URL", "me:s3cret@db:5432", "write postgresql://"),
        ("DATABASE_URL", "postgres://me:s3cret@db", "names no database"),
        ("DATABASE_URL", "postgres://me:s3cret@db/", "names no database"),
        ("DATABASE_URL", "postgres://me:s3cret@db:five/x", "port must be a number from 1 to 65535"),
        ("DATABASE_URL", "postgres://me:s3cret@db:70000/x", "port must be a number from 1 to 65535"),
        ("DATABASE_URL", "postgres://me:s3@cret@db/x", "percent-encoded"),
        ("DATABASE_URL", "'postgres://me:s3cret@db/x'", "quotation mark"),
        ("REDIS_URL", "cache:6379", "write redis://"),
        ("REDIS_URL", "redis:6379", "write redis://"),
        ("REDIS_URL", "http://:s3cret@cache", "write redis://"),
        ("REDIS_URL", "redis://:s3cret@cache:six/0", "port must be a number"),
        ("REDIS_URL", "redis://:s3cret@cache:99999/0", "port must be a number"),
        ("REDIS_URL", "redis://:s3/cret@cache:6379/0", "percent-encoded"),
        ("REDIS_URL", "redis://:s3#cret@cache:6379/0", "percent-encoded"),
        ("REDIS_URL", "redis://:s3cret@[::1/0", "percent-encoded"),
        ("REDIS_URL", "redis://:s3cret@cache/first", "database's number"),
        ("REDIS_URL", "redis://:s3cret@cache/0?decode=yes", "only these options"),
        ("REDIS_URL", "unix://", "names no socket"),
    ],
)
def test_a_wrong_address_is_one_line_that_names_the_variable_and_quotes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(Misconfigured, match=words) as caught:
        load(tmp_path)
    told = one_line(caught)
    assert told.endswith(f"; {variable} says so")
    assert "s3" not in told


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("short", "SERVICE6_SECRET_KEY has 5 characters, and 32 are"),
        ("a" * 64, "repeats a few characters"),
        ("changeme" * 8, "repeats a few characters"),
        (f"{SECRET_KEY} short", "key 2 of SERVICE6_SECRET_KEY has 5"),
        (f"short {SECRET_KEY}", "key 1 of SERVICE6_SECRET_KEY has 5"),
    ],
)
@pytest.mark.parametrize("environment", ["development", "production"])
def test_a_key_that_could_be_guessed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: str, key: str, words: str
) -> None:
    production(monkeypatch, SERVICE6_SECRET_KEY=key, SERVICE6_ENV=environment)
    with pytest.raises(Misconfigured, match=words) as caught:
        load(tmp_path)
    assert "openssl rand" in one_line(caught)
    assert key not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe", b"short"])
@pytest.mark.parametrize("name", ["secret-key"])
def test_a_key_file_that_holds_no_key_is_told(tmp_path: Path, content: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Misconfigured, match=f"{name} (is empty|is no text|has 5)") as caught:
        load(tmp_path)
    one_line(caught)


@pytest.mark.parametrize(
    ("source", "if_deleted"),
    [("standard", "`service6 up` makes a new one"), ("hubspot", "the webhooks of hubspot are closed then")],
)
def test_an_empty_webhook_secret_is_refused_with_what_deleting_it_does(
    tmp_path: Path, source: str, if_deleted: str
) -> None:
    (tmp_path / f"webhook-secret-{source}").write_text("\n", encoding="utf-8")
    with pytest.raises(Misconfigured, match=f"webhook-secret-{source} is empty; .*, or delete the file: {if_deleted}$"):
        load(tmp_path)


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "webhook-secret-standard").mkdir()
    with pytest.raises(Misconfigured, match=r"webhook-secret-standard cannot be read \(Is a directory\)"):
        load(tmp_path)


WHOLE = loader.CONFIG_FILE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("defaults:\n  api:\n\tport: 1\n", "line 3, column 1: .*not with a tab"),
        ("defaults:\n  api: {port: 1\n", "line 3, column 1: .*correct that line or the one before"),
        ("defaults:\n  api:\n    port: 1\n    port: 2\n", "line 4, column 5: 'port' stands here twice"),
        ("", "must begin with `defaults:`"),
        ("- a\n", "must begin with `defaults:`"),
        ("defaults: {}\nenvironments: {development: [api]}\n", "environments.development must hold sections"),
        (WHOLE.replace("  flower:\n", "  flowre:\n"), "unknown section 'flowre'; did you mean 'flower'"),
        (WHOLE.replace("    port: 8000", "    prot: 8000"), "api.prot: there is no such setting; did you mean 'port'"),
        (WHOLE.replace("    port: 8000", "    port: many"), "api.port: Input should be a valid integer"),
        (WHOLE.replace("    port: 8000\n", ""), "api.port: Field required"),
        ("caf\xe9: 1\n", "line 1: not UTF-8"),
    ],
)
def test_a_slip_in_the_file_is_one_line_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    file = tmp_path / "unified_config.yaml"
    file.write_bytes(text.encode("latin-1", "ignore") if text.startswith("caf") else text.encode())
    monkeypatch.setattr(loader, "CONFIG_FILE", file)
    with pytest.raises(Misconfigured, match=words) as caught:
        load(tmp_path)
    one_line(caught)


def test_a_file_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "CONFIG_FILE", tmp_path / "unified_config.yaml")
    with pytest.raises(Misconfigured, match="cannot be read"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("SERVICE6_APY__PORT", "1", "SERVICE6_APY__PORT: .* no section 'apy'; did you mean 'api'"),
        ("SERVICE6_API__PROT", "1", "api.prot: there is no such setting; did you mean 'port'"),
        ("SERVICE6_API__PORT", "many", "api.port: .*SERVICE6_API__PORT says so"),
        ("SERVICE6_API__ORIGINS", "https://crm.example.com", "not JSON"),
        ("SERVICE6_API", "[", "not JSON"),
    ],
)
def test_a_slip_in_a_variable_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(Misconfigured, match=f"(?i){words}") as caught:
        load(tmp_path)
    one_line(caught)


@pytest.mark.parametrize("content", ["[]", '{"DATABASE_URL": 1}', "null"])
def test_addresses_of_another_shape_are_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "servers.json").write_text(content, encoding="utf-8")
    with pytest.raises(Misconfigured, match="is damaged"):
        load(tmp_path)

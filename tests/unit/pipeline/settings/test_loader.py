"""The environment wins over the file; what is missing or wrong is told by its name, and no secret by its value."""

import json
from pathlib import Path

import pytest

from pipeline.errors import Misconfigured
from pipeline.settings import loader
from pipeline.settings.loader import Settings, default_state_dir, load


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*loader.os.environ, "DATABASE_URL", "REDIS_URL"):
        if name.startswith("SERVICE6_") or name in {"DATABASE_URL", "REDIS_URL", "PROMETHEUS_MULTIPROC_DIR"}:
            monkeypatch.delenv(name, raising=False)


def production(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    given = {"SERVICE6_ENV": "production", "DATABASE_URL": "postgresql://db/x", "REDIS_URL": "redis://cache/0"}
    for name, value in {**given, "SERVICE6_SECRET_KEY": "k", **variables}.items():
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
    assert (loaded.database_url, loaded.redis_url) == ("postgresql://db/x?sslmode=require", "redis://cache/0")
    assert loaded.api.port == 8000


@pytest.mark.parametrize(
    ("url", "mode", "expected"),
    [
        ("postgresql://u:p@db/x", "", "postgresql://u:p@db/x"),
        ("postgresql://u:p@db/x", "verify-full", "postgresql://u:p@db/x?sslmode=verify-full"),
        (
            "postgresql://u:p@db/x?sslrootcert=ca.pem",
            "require",
            "postgresql://u:p@db/x?sslrootcert=ca.pem&sslmode=require",
        ),
        ("postgresql://u:p@db/x?sslmode=verify-full", "require", "postgresql://u:p@db/x?sslmode=verify-full"),
        ("postgresql://u:why?@db/x", "require", "postgresql://u:why?@db/x?sslmode=require"),
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
    urls = {"DATABASE_URL": "postgresql://embedded/x", "REDIS_URL": "redis://embedded/0"}
    (tmp_path / "servers.json").write_text(json.dumps(urls))
    assert load(tmp_path).database_url == urls["DATABASE_URL"]
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/x")
    loaded = load(tmp_path)
    assert (loaded.database_url, loaded.redis_url) == ("postgresql://elsewhere/x", urls["REDIS_URL"])


def secrets(loaded: Settings) -> list[str]:
    return [secret.get_secret_value() for secret in loaded.webhook_secrets["standard"]]


def test_a_source_has_no_one_or_two_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert secrets(load(tmp_path)) == []
    (tmp_path / "webhook-secret-standard").write_text("whsec_file\n")
    assert secrets(load(tmp_path)) == ["whsec_file"]
    monkeypatch.setenv("SERVICE6_WEBHOOK_SECRET_STANDARD", " whsec_a  whsec_b ")
    assert secrets(load(tmp_path)) == ["whsec_a", "whsec_b"]
    monkeypatch.setenv("SERVICE6_WEBHOOK_SECRET_STANDARD", "whsec_a whsec_b whsec_c")
    with pytest.raises(Misconfigured, match="STANDARD holds 3 secrets; two"):
        load(tmp_path)


def test_no_secret_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    production(monkeypatch, SERVICE6_SECRET_KEY="hush", SERVICE6_WEBHOOK_SECRET_STANDARD="whsec_hush")
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
    (tmp_path / "servers.json").write_text('{"DATABASE_URL"')
    with pytest.raises(Misconfigured, match="is damaged"):
        load(tmp_path)

"""Loads the settings: the only reader of the environment, `unified_config.yaml` and the state directory's secrets."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import parse_qs

from pydantic import BaseModel, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from pipeline.errors import Misconfigured
from pipeline.settings.attributes import AttributeSettings, CurrencySettings
from pipeline.settings.config_file import configuration, meant, merge
from pipeline.settings.secret_files import MADE_ANOTHER, MAKE_ONE, SECRET_KEY, secret_file, secret_key
from pipeline.settings.sections import (
    ApiSettings,
    DatabaseSettings,
    FlowerSettings,
    IntakeSettings,
    LearningSettings,
    LogSettings,
    OutboundSettings,
    PublisherSettings,
    RedisSettings,
    RelaySettings,
    RescoringSettings,
    StreamSettings,
    TokenSettings,
    UpkeepSettings,
    WorkerSettings,
)
from pipeline.settings.sources import DEFAULT_SOURCE, SourceName, SourceSettings, Target, check_source, with_defaults
from pipeline.settings.vendors import VendorSettings, vendor_files
from schemas.scorecard import ScorecardConfig, TierCuts

CONFIG_FILE = Path(__file__).parents[2] / "coordination" / "unified_config.yaml"
ACTIVE_SECRETS = 2  # of a source: one, and another while it is being rotated
FOUND = ("state_dir", "metrics_dir", "secret_key", "webhook_secrets", "crm_tokens", "signing_secrets")
SECRETS = ("WEBHOOK_SECRET_", "CRM_TOKEN_", "SIGNING_SECRET_")
PREFIX = "SERVICE6_"
# Two settings have a variable of their own.
VARIABLES = {"database.url": "DATABASE_URL", "redis.url": "REDIS_URL"}

SecretKind = Literal["WEBHOOK_SECRET", "CRM_TOKEN", "SIGNING_SECRET"]


class Settings(BaseSettings):
    """All settings; environment variables win over the configuration file."""

    model_config = SettingsConfigDict(
        env_prefix="SERVICE6_",
        env_nested_delimiter="__",
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    env: Literal["development", "production"] = "development"
    state_dir: Path
    metrics_dir: Path | None = None
    secret_key: SecretStr
    webhook_secrets: dict[str, tuple[SecretStr, ...]]
    crm_tokens: dict[str, SecretStr]
    signing_secrets: dict[str, SecretStr]
    database: DatabaseSettings
    redis: RedisSettings
    api: ApiSettings
    flower: FlowerSettings
    logs: LogSettings
    workers: WorkerSettings
    intake: IntakeSettings
    publisher: PublisherSettings
    stream: StreamSettings
    relay: RelaySettings
    upkeep: UpkeepSettings
    rescoring: RescoringSettings
    tokens: TokenSettings
    outbound: OutboundSettings
    learning: LearningSettings
    attributes: dict[str, AttributeSettings]
    currency: CurrencySettings
    vendors: dict[str, VendorSettings]
    sources: dict[SourceName, SourceSettings]
    tiers: TierCuts
    scorecard: ScorecardConfig

    @model_validator(mode="before")
    @classmethod
    def _sources_have_defaults(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Fills in vendors' defaults after the environment was merged, so that a source may come from there only."""
        vendors = given["vendors"] = merge(vendor_files(), given.get("vendors"))
        if isinstance(vendors, dict) and isinstance(given.get("sources"), dict):
            sources = merge({name: {"vendor": name} for name in vendors}, given["sources"])
            given["sources"] = {name: with_defaults(source, vendors) for name, source in sources.items()}
        return given

    @model_validator(mode="after")
    def _sources_suit_their_vendors(self) -> Self:
        for name, source in self.sources.items():
            vendor = self.vendors.get(source.vendor)
            if vendor is None:
                raise ValueError(f"sources.{name}.vendor must be one of {', '.join(self.vendors)}")
            try:
                check_source(source, vendor)
            except ValueError as error:
                raise ValueError(f"sources.{name}: {error}") from None
        return self

    @property
    def targets_by_source(self) -> dict[str, tuple[Target, ...]]:
        """The targets of each source's scores; sources without targets are left out."""
        return {name: source.targets for name, source in self.sources.items() if source.targets}

    @property
    def targets(self) -> tuple[tuple[str, Target], ...]:
        """The pairs of source and target."""
        return tuple((name, target) for name, targets in self.targets_by_source.items() for target in targets)

    @property
    def fetched(self) -> tuple[str, ...]:
        """Sources whose records are fetched back."""
        return tuple(name for name, source in self.sources.items() if source.fetches)

    @property
    def calls_out(self) -> bool:
        return bool(self.targets or self.fetched)

    @property
    def database_url(self) -> str:
        """The database's URL with `database.ssl_mode`, so that every connection of every process follows it."""
        return _with_ssl_mode(_require_url(self.database.url, "DATABASE_URL", self.state_dir), self.database.ssl_mode)

    @property
    def redis_url(self) -> str:
        return _require_url(self.redis.url, "REDIS_URL", self.state_dir)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # What `load` determined itself comes first, then the environment, then the configuration file.
        given = dict(init_settings())
        first = {name: given.pop(name) for name in FOUND}
        return (
            InitSettingsSource(settings_cls, first),
            env_settings,
            InitSettingsSource(settings_cls, given),
        )


def load(state_dir: Path | None = None) -> Settings:
    """Loads the settings. Raises Misconfigured with the name of the setting that is missing or wrong."""
    root = state_dir or default_state_dir()
    variables = {**embedded_servers(root), **os.environ}
    sections = [name for name in Settings.model_fields if name not in (*FOUND, "env")]
    _require_known(sections)
    config = configuration(CONFIG_FILE, variables, sections)
    secret = secret_key(root)
    if not secret and os.environ.get("SERVICE6_ENV") == "production":
        raise Misconfigured(f"{SECRET_KEY} is not set; {MAKE_ONE}")
    try:
        loaded = Settings(
            **config,
            state_dir=root,
            # prometheus_client's own variable: it must be set before Python starts.
            metrics_dir=os.environ.get("PROMETHEUS_MULTIPROC_DIR"),
            secret_key=SecretStr(secret),
            webhook_secrets={},
            crm_tokens={},
            signing_secrets={},
        )
    except SettingsError as error:
        raise Misconfigured(f"an environment variable is not JSON where it must be: {error}") from None
    except ValidationError as error:
        raise Misconfigured(_first_fault(error)) from None
    return loaded.model_copy(
        update={
            "webhook_secrets": {name: _webhook_secrets(name, root) for name in loaded.sources},
            "crm_tokens": _secrets("CRM_TOKEN", loaded.sources),
            "signing_secrets": _secrets("SIGNING_SECRET", loaded.sources),
        }
    )


def _require_known(sections: Iterable[str]) -> None:
    """Refuses a variable with an unknown section, which would have no effect; pydantic checks the keys."""
    for name in os.environ:
        rest = name.removeprefix(PREFIX)
        section = rest.partition("__")[0].lower()
        if rest == name or "__" not in rest or rest.startswith(SECRETS) or section in sections:
            continue
        raise Misconfigured(f"{name}: the configuration has no section {section!r}{meant(section, [*sections])}")


def _first_fault(error: ValidationError) -> str:
    """The first fault on one line: the setting, what is wrong, and the variable that sets it."""
    faults = error.errors(include_input=False, include_url=False)
    # A misspelled name is reported twice: as unknown, and as missing.
    first = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    parts = [str(part) for part in first["loc"]]
    where = ".".join(parts)
    reason = " ".join(first["msg"].removeprefix("Value error, ").split())
    if first["type"] == "extra_forbidden":
        reason = f"there is no such setting{meant(parts[-1], _settings_beside(parts))}"
    variable = VARIABLES.get(where, "")
    nested = f"{PREFIX}{'__'.join(parts)}".upper()
    given = [name for name in os.environ if name.upper() == nested or name == variable]
    return f"configuration, {where}: {reason}{f'; {given[0]} says so' if given else ''}"


def _settings_beside(parts: list[str]) -> list[str]:
    model: Any = Settings
    for part in parts[:-1]:
        field = model.model_fields.get(part)
        model = field and field.annotation
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return []
    return list(model.model_fields)


def default_state_dir() -> Path:
    """`.service6/` in the current folder; or, as root in a folder that others cannot enter, a folder of /var/lib.

    PostgreSQL refuses to run as root, so its unprivileged account must be able to reach the directory.
    """
    chosen = os.environ.get("SERVICE6_STATE_DIR")
    if chosen:
        return Path(chosen).resolve()
    here = Path(".service6").resolve()
    if os.geteuid() != 0 or all(p.stat().st_mode & 0o001 for p in here.parents):
        return here
    digest = hashlib.sha256(str(here).encode()).hexdigest()[:12]
    return Path("/var/lib/service6") / digest


def embedded_servers(state_dir: Path) -> dict[str, str]:
    """The addresses that `service6 up` wrote for the other commands; empty if it does not run."""
    try:
        addresses: dict[str, str] = json.loads((state_dir / "servers.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        raise Misconfigured(f"{state_dir}/servers.json is damaged; delete it, and run `service6 up` again") from None
    except PermissionError:
        raise Misconfigured(f"{state_dir} belongs to another user; run as that user, or set --state-dir") from None
    except OSError as error:
        raise Misconfigured(f"{state_dir}/servers.json cannot be read ({error.strerror}); set --state-dir") from None
    if not isinstance(addresses, dict) or not all(isinstance(value, str) for value in addresses.values()):
        raise Misconfigured(f"{state_dir}/servers.json is damaged; delete it, and run `service6 up` again")
    return addresses


def _require_url(url: SecretStr, variable: str, state_dir: Path) -> str:
    if not url.get_secret_value():
        raise Misconfigured(f"{variable} is not set, and nothing runs on {state_dir}: start it with `service6 up`")
    return url.get_secret_value()


def _with_ssl_mode(url: str, mode: str) -> str:
    """Adds the mode to the URL, unless the URL has one, which may be stricter."""
    query = url.rpartition("@")[2].partition("?")[2]  # a password may hold a question mark
    if not mode or "sslmode" in parse_qs(query):
        return url
    return f"{url}{'&' if query else '?'}sslmode={mode}"


def secret_variable(source: str, kind: SecretKind = "WEBHOOK_SECRET") -> str:
    """The environment variable of a source's secret: for its webhooks, for its API, or for what we sign."""
    return f"SERVICE6_{kind}_{source.upper().replace('-', '_')}"


def _secrets(kind: SecretKind, sources: Iterable[str]) -> dict[str, SecretStr]:
    values = {name: os.environ.get(secret_variable(name, kind), "").strip() for name in sources}
    return {name: SecretStr(secret) for name, secret in values.items() if secret}


def _webhook_secrets(source: str, state_dir: Path) -> tuple[SecretStr, ...]:
    text = os.environ.get(secret_variable(source)) or _webhook_secret_file(state_dir, source)
    secrets = tuple(SecretStr(part) for part in text.split())
    if len(secrets) > ACTIVE_SECRETS:
        raise Misconfigured(f"{secret_variable(source)} holds {len(secrets)} secrets; two are active at most")
    return secrets


def _webhook_secret_file(state_dir: Path, source: str) -> str:
    if_deleted = MADE_ANOTHER if source == DEFAULT_SOURCE else f"the webhooks of {source} are closed then"
    return secret_file(state_dir, f"webhook-secret-{source}", if_deleted=if_deleted) or ""

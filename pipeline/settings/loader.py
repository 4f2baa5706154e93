"""The only reader of the environment, of `unified_config.yaml` and of the state directory's secrets."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from pipeline.errors import Misconfigured
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
from pipeline.settings.sources import SourceName, SourceSettings, Target, Vendor, with_defaults
from schemas.scorecard import ScorecardConfig, TierCuts

CONFIG_FILE = Path(__file__).parents[2] / "coordination" / "unified_config.yaml"
ACTIVE_SECRETS = 2  # of a source: one, and another while it is being rotated
FOUND = ("state_dir", "metrics_dir", "secret_key", "webhook_secrets", "crm_tokens", "signing_secrets")
VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)(?::-([^}]*))?\}")

SecretKind = Literal["WEBHOOK_SECRET", "CRM_TOKEN", "SIGNING_SECRET"]


class Settings(BaseSettings):
    """Environment variables win over the configuration file."""

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
    outreach: OutboundSettings
    learning: LearningSettings
    vendors: dict[Vendor, dict[str, Any]]
    sources: dict[SourceName, SourceSettings]
    tiers: TierCuts
    scorecard: ScorecardConfig

    @model_validator(mode="before")
    @classmethod
    def _sources_have_defaults(cls, given: dict[str, Any]) -> dict[str, Any]:
        """After the environment was laid over the file, so that a source may come from there alone."""
        sources, vendors = given.get("sources"), given.get("vendors")
        if isinstance(sources, dict):
            given["sources"] = {name: with_defaults(source, vendors) for name, source in sources.items()}
        return given

    @property
    def told(self) -> dict[str, tuple[Target, ...]]:
        """Who is told the scores of which source; sources of whom nobody is told are not in it."""
        return {name: source.targets for name, source in self.sources.items() if source.targets}

    @property
    def targets(self) -> tuple[tuple[str, Target], ...]:
        """The same, one by one."""
        return tuple((name, target) for name, targets in self.told.items() for target in targets)

    @property
    def fetched(self) -> tuple[str, ...]:
        """Sources whose records we ask for."""
        return tuple(name for name, source in self.sources.items() if source.fetches)

    @property
    def calls_out(self) -> bool:
        return bool(self.targets or self.fetched)

    @property
    def database_url(self) -> str:
        return _known(self.database.url, "DATABASE_URL", self.state_dir)

    @property
    def redis_url(self) -> str:
        return _known(self.redis.url, "REDIS_URL", self.state_dir)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # What `load` found out for itself comes first, then the environment, then the configuration file.
        given = dict(init_settings())
        first = {name: given.pop(name) for name in FOUND}
        return (
            InitSettingsSource(settings_cls, first),
            env_settings,
            InitSettingsSource(settings_cls, given),
        )


def load(state_dir: Path | None = None) -> Settings:
    """Raises Misconfigured with the name of the setting that is missing or wrong."""
    root = state_dir or default_state_dir()
    variables = {**embedded_servers(root), **os.environ}
    config = _config(variables)
    secret = os.environ.get("SERVICE6_SECRET_KEY") or _secret_file(root, "secret-key")
    if not secret:
        if os.environ.get("SERVICE6_ENV") == "production":
            raise Misconfigured("SERVICE6_SECRET_KEY is not set; make one with: openssl rand -base64 32")
        secret = ""
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
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Misconfigured(f"configuration, {where}: {first['msg']}") from None
    return loaded.model_copy(
        update={
            "webhook_secrets": {name: _webhook_secrets(name, root) for name in loaded.sources},
            "crm_tokens": _secrets("CRM_TOKEN", loaded.sources),
            "signing_secrets": _secrets("SIGNING_SECRET", loaded.sources),
        }
    )


def default_state_dir() -> Path:
    """`.service6/` here; as root below a folder that others cannot enter, a folder of /var/lib instead.

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
    """The addresses that `service6 up` left for the other commands; empty where none has run."""
    try:
        found: dict[str, str] = json.loads((state_dir / "servers.json").read_text())
    except FileNotFoundError:
        return {}
    except ValueError:
        raise Misconfigured(f"{state_dir}/servers.json is damaged; delete it, and run `service6 up` again") from None
    except PermissionError:
        raise Misconfigured(f"{state_dir} belongs to another user; run as that user, or set --state-dir") from None
    return found


def _known(url: SecretStr, variable: str, state_dir: Path) -> str:
    if not url.get_secret_value():
        raise Misconfigured(f"{variable} is not set, and nothing runs on {state_dir}: start it with `service6 up`")
    return url.get_secret_value()


def _config(variables: Mapping[str, str]) -> dict[str, Any]:
    document = yaml.safe_load(CONFIG_FILE.read_text())
    name = variables.get("SERVICE6_ENV", "development")
    if name not in document["environments"]:
        known = ", ".join(document["environments"])
        raise Misconfigured(f"SERVICE6_ENV is {name!r}; it must be one of {known}")
    merged: dict[str, Any] = _expand(_merge(document["defaults"], document["environments"][name]), variables)
    return merged


def _merge(below: Any, above: Any) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        return {**below, **{key: _merge(below.get(key), value) for key, value in above.items()}}
    return above


def _expand(node: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _expand(value, variables) for key, value in node.items()}
    if isinstance(node, list):
        return [_expand(value, variables) for value in node]
    if isinstance(node, str):
        return VARIABLE.sub(lambda match: _variable(match, variables), node)
    return node


def _variable(match: re.Match[str], variables: Mapping[str, str]) -> str:
    name, default = match.groups()
    value = variables.get(name) or default
    if value is None:
        raise Misconfigured(f"the configuration needs the environment variable {name}, which is not set")
    return value


def secret_variable(source: str, kind: SecretKind = "WEBHOOK_SECRET") -> str:
    """The environment variable that opens this source's webhooks, opens its API to us, or signs what we send for it."""
    return f"SERVICE6_{kind}_{source.upper().replace('-', '_')}"


def _secrets(kind: SecretKind, sources: Iterable[str]) -> dict[str, SecretStr]:
    found = {name: os.environ.get(secret_variable(name, kind), "").strip() for name in sources}
    return {name: SecretStr(secret) for name, secret in found.items() if secret}


def _webhook_secrets(source: str, state_dir: Path) -> tuple[SecretStr, ...]:
    text = os.environ.get(secret_variable(source)) or _secret_file(state_dir, f"webhook-secret-{source}") or ""
    secrets = tuple(SecretStr(part) for part in text.split())
    if len(secrets) > ACTIVE_SECRETS:
        raise Misconfigured(f"{secret_variable(source)} holds {len(secrets)} secrets; two are active at most")
    return secrets


def _secret_file(state_dir: Path, name: str) -> str | None:
    try:
        return (state_dir / name).read_text().strip()
    except (FileNotFoundError, PermissionError):
        return None

"""The sections of `unified_config.yaml`, one class each."""

from datetime import time
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, IPvAnyNetwork, SecretStr, field_validator

from pipeline.settings import server_urls
from schemas.run import LeadFilter


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class DatabaseSettings(Section):
    """`ssl_mode` as libpq has it; empty: libpq's own default, which encrypts where the server can."""

    url: SecretStr
    ssl_mode: Literal["", "disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
    pool_size: int = Field(ge=1, le=200)
    statement_timeout_s: float

    @field_validator("url")
    @classmethod
    def _is_postgresql(cls, url: SecretStr) -> SecretStr:
        given = url.get_secret_value()
        return SecretStr(server_urls.database_url(given)) if given else url


class RedisSettings(Section):
    url: SecretStr

    @field_validator("url")
    @classmethod
    def _is_redis(cls, url: SecretStr) -> SecretStr:
        given = url.get_secret_value()
        return SecretStr(server_urls.redis_url(given)) if given else url


class ApiSettings(Section):
    host: str
    port: int = Field(ge=0, le=65535)
    public_url: str = Field(pattern=r"^(https?://[^/?#\s]+[^?#\s]*)?$")
    origins: tuple[str, ...]
    score_leads_a_minute: int = Field(ge=1)
    request_s: float = Field(gt=0)
    answer_s: float = Field(ge=1)
    connections: int = Field(ge=1)
    connections_per_address: int = Field(ge=1)
    url_limit: int = Field(ge=1024)
    head_limit: int = Field(ge=1024)
    header_limit: int = Field(ge=16)
    request_bytes: int = Field(ge=1)
    request_bytes_per_address: int = Field(ge=1)
    trusted_proxies: tuple[IPvAnyNetwork, ...]


class FlowerSettings(Section):
    host: str
    port: int = Field(ge=0, le=65535)
    names: tuple[str, ...]


class LogSettings(Section):
    bytes: int = Field(ge=10_000)
    kept: int = Field(ge=0, le=100)
    check_s: float = Field(gt=0)


class WorkerSettings(Section):
    scoring_processes: int = Field(ge=1, le=64)
    rescoring_processes: int = Field(ge=1, le=64)
    stop_s: float = Field(gt=0)


class IntakeSettings(Section):
    body_limit: int
    queue_requests: int = Field(ge=1)
    queue_bytes: int
    group_size: int = Field(ge=1)
    pace_ms: float = Field(ge=0)
    answer_s: float = Field(ge=1)
    message_leads: int = Field(ge=1)
    linger_ms: float
    attribute_limit: int
    text_limit: int
    phone_region: str = Field(default="DE", pattern="^[A-Z]{2}$")


class PublisherSettings(Section):
    batch: int = Field(ge=1)
    answer_s: float = Field(ge=1)
    poll_ms: float
    linger_ms: float


class StreamSettings(Section):
    key: str
    length: int


class RelaySettings(Section):
    auth_timeout_s: float
    heartbeat_s: float
    flush_ms: float
    ring: int
    message_limit: int
    buffer_limit: int
    slow_after_s: float
    pending_limit: int
    sockets: int = Field(ge=1)
    sockets_per_user: int = Field(ge=1)
    sockets_before_auth: int = Field(ge=1)
    messages_s: float = Field(gt=0)
    messages_burst: float = Field(ge=1)
    user_messages_s: float = Field(gt=0)
    user_messages_burst: float = Field(ge=1)
    user_replays_s: float = Field(gt=0)
    user_replays_burst: float = Field(ge=1)
    drain_s: float


class UpkeepSettings(Section):
    tick_s: float
    grace_s: float
    max_attempts: int
    backoff_s: float
    batch: int
    delivery_days: float
    timeline_days: float
    history_months: int


class ScheduleSettings(Section):
    """`at`: the time of day in UTC, as 02:30."""

    at: time
    filter: LeadFilter = LeadFilter()
    rate: int | None = Field(default=None, ge=1)


class RescoringSettings(Section):
    slice_ids: int = Field(ge=1)
    step_ids: int = Field(ge=1)
    live_ids: int = Field(ge=1)
    window: int = Field(ge=1)
    lease_s: float = Field(gt=0)
    max_attempts: int = Field(ge=1)
    backoff_s: float = Field(gt=0)
    late_h: float = Field(gt=0)
    kept_days: float = Field(gt=0)
    schedules: dict[str, ScheduleSettings]


class OutboundSettings(Section):
    deadline_s: float = Field(gt=0)
    lease_s: float = Field(gt=0)
    answer_limit: int = Field(ge=1)
    backoff_s: float = Field(gt=0)
    longest_s: float = Field(gt=0)
    rest_s: float = Field(gt=0)
    give_up_h: float = Field(gt=0)


class TokenSettings(Section):
    access_minutes: float


class LearningSettings(Section):
    capture_after_s: float = Field(gt=0)
    segments: tuple[str, ...]
    promote: Literal["better", "never"]
    cores: int = Field(ge=1, le=64)
    lease_s: float = Field(gt=0)
    retry_s: float = Field(ge=0)
    max_attempts: int = Field(ge=1)
    outcomes: int = Field(ge=1)
    watch_s: float = Field(gt=0)
    drift: float = Field(gt=0)
    drift_leads: int = Field(ge=1)
    off_by: float = Field(gt=0, lt=1)
    off_leads: int = Field(ge=1)

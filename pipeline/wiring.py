"""The one composition root: settings -> the services that a process works with.

Libraries that not every process needs are imported with the service that needs them: `service6 queues` loads no numpy.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from time import monotonic
from typing import TYPE_CHECKING

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from pipeline.errors import GiveUp
from pipeline.metrics import Metrics
from pipeline.settings.loader import Settings
from pipeline.settings.sources import DEFAULT_SOURCE
from pipeline.storage.platform import after_commit
from pipeline.storage.platform.engine import engine, statements, transaction
from pipeline.task_calls import TaskCall
from schemas.score import Engine as ModelEngine
from schemas.scorecard import ScorecardConfig

if TYPE_CHECKING:
    from redis import Redis

    from pipeline.leads.attribute_history import AttributeHistory
    from pipeline.leads.attribute_names import AttributeNames
    from pipeline.leads.money import Rates
    from pipeline.leads.source_mapping import SourceMap
    from pipeline.redis_store.change_stream import ChangeStream
    from pipeline.redis_store.outcome_stream import OutcomeStream
    from pipeline.redis_store.rate_limit import Limiter
    from pipeline.scoring.scorer import Scorer
    from pipeline.security.vault import Vault
    from pipeline.storage.models.champions import PromotedModel
    from pipeline.vendors.crm_account import AccessToken

logger = logging.getLogger(__name__)

MODELS_KEPT = 32
SOURCES_KEPT = 64
CHAMPION_AGE_S = 2.0  # how long a promotion may go unnoticed
CALLS_S = 10
STATEMENT_SHARE = 0.75  # of the time for an answer: the rest is for telling that it did not come


@dataclass(frozen=True)
class Champion:
    """The model in charge and its id in `model_versions`."""

    scorer: Scorer
    model_id: int


def _leave_to_upkeep(_: TaskCall) -> bool:
    return False


class Services:
    """Everything is made when it is first asked for, so a process pays for what it uses.

    `answer_s`: in which an error is told to those who wait for an answer; without it statements have their usual time.
    `send` enqueues a task, and returns False where it cannot; without it upkeep enqueues what there is to do.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics | None = None,
        *,
        answer_s: float | None = None,
        send: Callable[[TaskCall], bool] = _leave_to_upkeep,
    ) -> None:
        self.settings = settings
        self.send = send
        self._answer_s = answer_s
        self.metrics = metrics or Metrics()
        self._closing = ExitStack()
        self.access_tokens: dict[str, AccessToken] = {}
        self._champion: Champion | None = None
        self._champion_read = 0.0
        self._promoted: PromotedModel | None = None
        self.scorer_of = lru_cache(maxsize=MODELS_KEPT)(self._scorer_of)
        self.source_map = lru_cache(maxsize=SOURCES_KEPT)(self._source_map)

    @cached_property
    def engine(self) -> Engine:
        return self._engine(autocommit=False, answer_s=self._answer_s)

    @cached_property
    def readers(self) -> Engine:
        return self._engine(autocommit=True, answer_s=self._answer_s)

    @cached_property
    def intake(self) -> Engine:
        """The one connection that saves webhooks, so that nobody else's work keeps them waiting."""
        return self._engine(autocommit=False, answer_s=self.settings.intake.answer_s, pool_size=1)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One transaction; after its commit the publisher is woken if it appended events, and its tasks are sent."""
        with transaction(self.engine) as db:
            yield db
        collected = after_commit.collected(db)
        if collected.events:
            self.stream.hint()
        for call in collected.calls:
            if not self.send(call):
                return  # the next would wait for Redis as long

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """For reads: each statement sees what is committed when it begins."""
        with statements(self.readers) as db:
            yield db

    @cached_property
    def redis(self) -> Redis:
        from pipeline.redis_store.redis_client import connect

        made = connect(self.settings.redis_url)
        self._closing.callback(made.close)
        return made

    @cached_property
    def stream(self) -> ChangeStream:
        from pipeline.redis_store.change_stream import ChangeStream

        return ChangeStream(self.redis, self.settings.stream.key, self.settings.stream.length)

    @cached_property
    def outcomes(self) -> OutcomeStream:
        from pipeline.redis_store.outcome_stream import OutcomeStream

        return OutcomeStream(self.redis)

    @cached_property
    def score_lead_budget(self) -> Limiter:
        from pipeline.redis_store.rate_limit import Limiter

        limit = self.settings.api.score_leads_a_minute
        url = self.settings.redis_url
        return Limiter("score-lead", url, limit=limit, window_s=60, uncounted=self.metrics.uncounted)

    def calls_budget(self, name: str, limit: int) -> Limiter:
        """So many calls to one CRM in `CALLS_S`, over all processes."""
        from pipeline.redis_store.rate_limit import Limiter

        url = self.settings.redis_url
        return Limiter(name, url, limit=limit, window_s=CALLS_S, uncounted=self.metrics.uncounted)

    @cached_property
    def vault(self) -> Vault:
        from pipeline.security.vault import Vault

        keys = self.settings.secret_key.get_secret_value().split()
        return Vault(keys, self.settings.intake.phone_region)

    @cached_property
    def scorer(self) -> Scorer:
        from pipeline.scoring.scorecard import Scorecard
        from pipeline.scoring.scorer import Scorer

        return Scorer(Scorecard(self.settings.scorecard), self.settings.tiers)

    @property
    def champion(self) -> Champion:
        """The model in charge, as it was a moment ago: a promotion needs no restart."""
        now = monotonic()
        if self._champion is None or now - self._champion_read >= CHAMPION_AGE_S:
            self._champion = self._read_champion()
            self._champion_read = now
        return self._champion

    @cached_property
    def _card(self) -> Champion:
        from pipeline.storage.models import model_versions

        model = self.scorer.model
        with self.session() as db:
            model_id = model_versions.ensure(db, model.version, model.engine, model.artefact())
        return Champion(self.scorer, model_id)

    def _read_champion(self) -> Champion:
        from pipeline.storage.models import champions

        with self.reading() as db:
            promoted = champions.promoted(db)
        # Opened again whenever its row was written: one that is damaged meanwhile is told by all processes alike.
        if self._champion is None or promoted != self._promoted:
            self._champion = self._card if promoted is None else self._usable(promoted.model_id)
            self._promoted = promoted
        return self._champion

    def _usable(self, model_id: int) -> Champion:
        try:
            return Champion(self._scorer_of(model_id), model_id)
        except GiveUp as error:
            # A damaged model must not stop the scoring of leads. Upkeep raises the alarm.
            logger.error("the promoted model cannot be used: %s", error, extra={"model_id": model_id})
            return self.before(model_id)

    def before(self, model_id: int) -> Champion:
        """Who was in charge before it, as far as it can be used: the same one in every process."""
        from pipeline.storage.models import champions

        with self.reading() as db:
            earlier = champions.earlier(db, model_id)
        for each in earlier:
            with suppress(GiveUp):
                return Champion(self._scorer_of(each), each)
        return self._card

    def _source_map(self, name: str) -> SourceMap:
        from pipeline.leads.source_mapping import SourceMap
        from pipeline.vendors.record_ids import ONE_FORM, RECORD_IDS

        settings = self.settings.sources.get(name, self.settings.sources[DEFAULT_SOURCE])
        full_id = RECORD_IDS.get(settings.vendor, ONE_FORM).full
        names, rates = self.attribute_names, self.rates
        return SourceMap(name, settings, self.vault, names, rates, self.histories[name], full_id)

    @cached_property
    def histories(self) -> defaultdict[str, AttributeHistory]:
        """What the values of each source have been so far, by source."""
        from pipeline.leads.attribute_history import AttributeHistory

        return defaultdict(AttributeHistory)

    @cached_property
    def attribute_names(self) -> AttributeNames:
        from pipeline.leads.attribute_names import AttributeNames

        return AttributeNames(self.settings.attributes)

    @cached_property
    def rates(self) -> Rates:
        from pipeline.leads.money import Rates

        currency, attributes = self.settings.currency, self.settings.attributes
        amounts = tuple(name for name, attribute in attributes.items() if attribute.kind == "money")
        return Rates(currency.code, currency.rates, amounts)

    def close(self) -> None:
        """What was never asked for was never made."""
        self._closing.close()

    def _engine(self, *, autocommit: bool, answer_s: float | None, pool_size: int | None = None) -> Engine:
        database = self.settings.database
        made = engine(
            self.settings.database_url,
            pool_size=pool_size or database.pool_size,
            statement_timeout_s=database.statement_timeout_s if answer_s is None else STATEMENT_SHARE * answer_s,
            autocommit=autocommit,
        )
        self._closing.callback(made.dispose)
        return made

    def _scorer_of(self, model_id: int) -> Scorer:
        """The scorer that made the scores of this model version, to read them with."""
        from pipeline.scoring.scorecard import Scorecard
        from pipeline.scoring.scorer import Scorer
        from pipeline.storage.models import model_versions

        with self.session() as db:
            version = model_versions.load(db, model_id)
        if version.engine == ModelEngine.GLASSBOX:
            from pipeline.scoring.glassbox import open_artefact

            model = open_artefact(version.artefact, self.attribute_names.attribute)
            return Scorer(model, self.settings.tiers)
        return Scorer(Scorecard(ScorecardConfig.model_validate(version.artefact)), self.settings.tiers)

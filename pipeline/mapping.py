"""A vendor's delivery -> a change to a lead: what is personal is set apart, stage, owner and outcome are recognised."""

from collections.abc import Collection, Mapping
from datetime import datetime

from pipeline.attributes import canonical
from pipeline.security.privacy import is_personal, looks_personal
from pipeline.security.vault import Vault
from pipeline.settings import SourceSettings
from schemas.lead import LeadChange, Outcome
from schemas.score import Value

# Where the vendor's own id is kept when a pseudonym took its place.
ORIGINAL_ID = "external_id"
WORD_LIMIT = 200  # characters of a stage or an owner


class SourceMap:
    """Reads the deliveries of one source."""

    def __init__(self, name: str, settings: SourceSettings, vault: Vault) -> None:
        self.name = name
        self._vault = vault
        self._allowed = _plain(settings.allow)
        self._stage = _plain(settings.stage)
        self._owner = _plain(settings.owner)
        self._outcome = _plain(settings.outcome)
        self._outcomes = {
            **{word.casefold(): Outcome.WON for word in settings.won},
            **{word.casefold(): Outcome.LOST for word in settings.lost},
        }

    def change(
        self, external_id: str, delivery_id: str, occurred_at: datetime, attributes: Mapping[str, Value]
    ) -> LeadChange:
        """`attributes` are flat; a name that means stage, owner or outcome is that and no attribute."""
        plain: dict[str, Value] = {}
        personal: dict[str, Value] = {}
        stage = owner = outcome = None
        for name, value in attributes.items():
            meaning = canonical(name)
            if meaning in self._stage and not looks_personal(str(value)):
                stage = _word(value) or stage
            elif meaning in self._owner:
                owner = _word(value) or owner
            elif meaning in self._outcome:
                outcome = self._recognise(value) or outcome
            elif "@" in name and looks_personal(name):
                personal[self._vault.pseudonym(name)] = value
            elif is_personal(name, value, self._allowed):
                personal[name] = value
            else:
                plain[name] = value
        if looks_personal(external_id):
            personal[ORIGINAL_ID] = external_id
            external_id = self._vault.pseudonym(external_id)
        return LeadChange(
            source=self.name,
            external_id=external_id,
            delivery_id=delivery_id,
            occurred_at=occurred_at,
            attributes=plain,
            contacts=personal,
            stage=stage,
            owner=None if owner is None else self.owner(owner),
            outcome=outcome or self._recognise(stage),
        )

    def owner(self, name: str) -> str:
        """The owner as it is stored: a pseudonym where it looks like an e-mail or a phone number."""
        return self._vault.pseudonym(name) if looks_personal(name) else name

    def _recognise(self, value: Value) -> Outcome | None:
        return None if value is None else self._outcomes.get(str(value).strip().casefold())


def _plain(names: Collection[str]) -> frozenset[str]:
    return frozenset(canonical(name) for name in names)


def _word(value: Value) -> str | None:
    return None if value is None else str(value).strip()[:WORD_LIMIT] or None

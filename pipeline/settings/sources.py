"""The settings of a source: how its deliveries are read, and who gets its scores."""

from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from pipeline.leads.attributes import canonical
from pipeline.leads.values.reader import ValueKind
from pipeline.settings.vendors import VendorSettings
from schemas.frozen import Frozen

# The name is part of an address, of a variable's name and of metrics.
SourceName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]

Target = Literal["crm", "webhook"]  # where scores are sent

DEFAULT_SOURCE = "standard"  # its settings apply to an import whose source is not configured
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class FieldSettings(Frozen):
    """One field of the vendor: the attribute it becomes, what its values are, and whether they are personal.

    What is not set follows from the field's name and its values.
    """

    name: str | None = Field(default=None, min_length=1, max_length=200)
    kind: ValueKind | None = None
    personal: bool | None = None


def _safe(url: str) -> str:
    """Requires https, or http on this machine, because scores and tokens are sent there."""
    parts = urlsplit(url)
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)):
        raise ValueError("must be an https:// address (http:// only on this machine)")
    if parts.username or parts.password or parts.fragment:
        raise ValueError("must hold neither a password nor a fragment")
    return url.rstrip("/")


OutboundUrl = Annotated[str, AfterValidator(_safe)]


class CrmSettings(Frozen):
    """The vendor's API. `requests`: in 10 s, over all processes. `score`, `tier`: properties there that are ours.

    `properties`: those that are asked for. `login_url`: where access tokens come from, if not with the token itself.
    """

    url: OutboundUrl
    login_url: OutboundUrl | None = None
    requests: int = Field(ge=1)
    score: str = ""
    tier: str = ""
    properties: tuple[str, ...] = ()
    write_back: bool = False
    fetch_back: bool = False


class WebhookSettings(Frozen):
    """Where each lead's score is sent as a Standard Webhook. `requests`: in 10 s, over all processes."""

    url: OutboundUrl
    requests: int = Field(default=100, ge=1)


class SourceSettings(Frozen):
    """`record`: the vendor's kind of record that is a lead. `accounts`: whose records come in; empty is everyone's.

    `stage`, `owner` and `outcome` are names of attributes, `won`, `lost` and `open` words of an outcome or a stage, and
    `open` takes an outcome back.
    """

    vendor: str
    record: str = ""
    accounts: tuple[str, ...] = ()
    fields: dict[str, FieldSettings] = Field(default_factory=dict)
    stage: tuple[str, ...] = ()
    owner: tuple[str, ...] = ()
    outcome: tuple[str, ...] = ()
    won: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    crm: CrmSettings | None = None
    webhook: WebhookSettings | None = None

    @property
    def targets(self) -> tuple[Target, ...]:
        """Where this source's scores are sent."""
        crm: tuple[Target, ...] = ("crm",) if self.crm and self.crm.write_back else ()
        return (*crm, "webhook") if self.webhook else crm

    @property
    def fetches(self) -> bool:
        return self.crm is not None and self.crm.fetch_back

    @property
    def ours(self) -> frozenset[str]:
        """The vendor's properties that we write; its changes to them are echoes of our own."""
        return frozenset({self.crm.score, self.crm.tier} - {""}) if self.crm else frozenset()

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        names = [canonical(field.name or name) for name, field in self.fields.items()]
        doubles = sorted({name for name in names if names.count(name) > 1})
        if doubles:
            raise ValueError(f"several fields become {', '.join(doubles)}")
        words = [word for listed in (self.won, self.lost, self.open) for word in {word.casefold() for word in listed}]
        doubles = sorted({word for word in words if words.count(word) > 1})
        if doubles:
            raise ValueError(f"of won, lost and open only one can be meant by {', '.join(doubles)}")
        return self


def check_source(source: SourceSettings, vendor: VendorSettings) -> None:
    """Raises ValueError where the source asks for what its vendor does not have."""
    if source.accounts and vendor.accounts == "none":
        raise ValueError(f"{source.vendor} names no accounts; leave `accounts` empty")
    if len(source.accounts) > 1 and vendor.accounts == "one":
        raise ValueError(f"ids of {source.vendor} repeat from account to account; give each account its own source")
    length = vendor.account_characters
    if length is not None and any(len(account) != length for account in source.accounts):
        raise ValueError(f"an account's id has {length} characters in the bodies of {source.vendor}")
    if source.crm and source.crm.write_back and not vendor.write_back:
        raise ValueError(f"scores cannot be written back to {source.vendor}; set `webhook` instead")
    if source.fetches and not vendor.fetch_back:
        raise ValueError(f"{source.vendor} sends whole records; there is nothing to fetch")


def with_defaults(source: Any, vendors: Any) -> Any:
    """The source's settings merged into its vendor's defaults: fields one by one, lists as a whole."""
    if not isinstance(source, dict) or not isinstance(vendors, dict):
        return source
    below = (vendors.get(source.get("vendor")) or {}).get("defaults", {})
    parts = {part: {**below.get(part, {}), **source.get(part, {})} for part in ("fields", "crm")}
    return {**below, **source, **{part: laid for part, laid in parts.items() if laid}}

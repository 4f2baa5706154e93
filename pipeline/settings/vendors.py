"""The settings of a vendor, from the `vendor.yaml` in its folder."""

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field

from schemas.frozen import Frozen

FOLDER = Path(__file__).parents[1] / "vendors"


class VendorSetup(Frozen):
    """How an operator connects the vendor: its row in the README, in Markdown."""

    lead: str
    address: str
    secret: str
    verified: str


class VendorOperation(Frozen):
    """`security`: OpenAPI schemes, of which one suffices. `headers`: those that every request needs besides."""

    security: dict[str, dict[str, str]] = Field(default_factory=dict)
    headers: tuple[str, ...] = ()


class VendorSettings(Frozen):
    """`accounts`: whether bodies name none, ids repeat from account to account (`one`), or ids are unique (`many`).

    `strict`: the sender writes for us and corrects what we refuse. `signs_uri`: the public address must be known.
    `shared_key`: one key signs for all customers, so a source must list its accounts. `defaults`: what the sources of
    this vendor have in common.
    """

    title: str
    documentation: str
    proof: str
    setup: VendorSetup
    accounts: Literal["none", "one", "many"]
    account_characters: int | None = None
    strict: bool = False
    signs_uri: bool = False
    shared_key: bool = False
    key_in_path: bool = False
    write_back: bool = False
    fetch_back: bool = False
    reply: Literal["json", "soap"] = "json"
    openapi: VendorOperation = VendorOperation()
    defaults: dict[str, Any]


def vendor_files(folder: Path = FOLDER) -> dict[str, Any]:
    """The content of each vendor's `vendor.yaml`, by the name of its folder."""
    return {path.parent.name: yaml.safe_load(path.read_text("utf-8")) for path in sorted(folder.glob("*/vendor.yaml"))}

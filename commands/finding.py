from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "bad"]


@dataclass(frozen=True)
class Finding:
    """The result of one check: what was found, and in `mend` what to do where the level is not ok."""

    name: str
    level: Level
    found: str
    mend: str = ""

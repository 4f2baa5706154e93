from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "bad"]


@dataclass(frozen=True)
class Finding:
    """What the doctor says of one thing; `mend` says what to do where the level is not ok."""

    name: str
    level: Level
    found: str
    mend: str = ""

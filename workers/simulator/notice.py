"""What a simulated CRM reports about one lead."""

from datetime import datetime
from typing import NamedTuple

from schemas.score import Value


class Notice(NamedTuple):
    """A notice; `body` is that of a Standard Webhook."""

    type: str
    at: datetime
    lead: dict[str, Value]

    @property
    def body(self) -> dict[str, object]:
        return {"type": self.type, "timestamp": self.at.isoformat(), "data": self.lead}

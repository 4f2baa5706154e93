"""What a route tells of itself that FastAPI cannot see."""

from typing import Any


def problems(*statuses: int) -> dict[str, Any]:
    """The problems that this route alone may answer with; those of every route of its kind are known."""
    return {"x-problems": list(statuses)}

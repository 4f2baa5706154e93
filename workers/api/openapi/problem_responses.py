"""Metadata of a route for the OpenAPI document."""

from typing import Any


def problems(*statuses: int) -> dict[str, Any]:
    """The problems that only this route may answer with; those of every route of its kind are added anyway."""
    return {"x-problems": list(statuses)}

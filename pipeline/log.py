"""Structured logging: one JSON object a line, never a lead's values."""

import logging
import sys
from logging.config import dictConfig


def configure(process: str, level: str = "INFO") -> None:
    """Every logger of this process writes JSON lines to standard error."""
    dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "json": {
                    "()": "pythonjsonlogger.json.JsonFormatter",
                    "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
                    "rename_fields": {"asctime": "at", "levelname": "level", "name": "logger"},
                    "static_fields": {"process": process},
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "stream": sys.stderr, "formatter": "json"}},
            "root": {"handlers": ["stderr"], "level": level},
        }
    )
    # Alembic, Celery and uvicorn at INFO tell of every step; their warnings are what an operator needs.
    for noisy in ("alembic", "kombu", "amqp", "uvicorn.access", "httpx2", "httpcore2"):
        logging.getLogger(noisy).setLevel(logging.WARNING)

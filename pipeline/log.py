"""Structured logging: one JSON object a line, never a lead's values."""

import logging
import sys
from logging.config import dictConfig

# At INFO these tell of every step (Celery two lines a task, which cost a third of its speed).
TOLD_STEP_BY_STEP = (
    "alembic",
    "amqp",
    "celery.app.trace",
    "celery.beat",
    "celery.worker.strategy",
    "httpcore2",
    "httpx2",
    "kombu",
    "uvicorn.access",
)


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
    for noisy in TOLD_STEP_BY_STEP:
        logging.getLogger(noisy).setLevel(logging.WARNING)

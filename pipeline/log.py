"""Structured logging: one JSON object a line, never a lead's values."""

import logging
import sys
import traceback
from logging.config import dictConfig

# At INFO these tell of every step (Celery two lines a task, which cost a third of its speed).
NOISY_LOGGERS = (
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

FRAMES = 12  # of a traceback that are kept


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
    for noisy in NOISY_LOGGERS:
        logging.getLogger(noisy).setLevel(logging.WARNING)


def trace(error: Exception) -> str:
    """What kind of error, and where; without its text, which may quote a lead's value."""
    frames = traceback.format_list(traceback.extract_tb(error.__traceback__)[-FRAMES:])
    return f"{type(error).__name__}\n{''.join(frames)}"

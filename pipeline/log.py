"""Structured logging: one JSON object per line, never a lead's values."""

import sys
import traceback
from logging.config import dictConfig

from pipeline.errors import Service6Error

# All other loggers write warnings and errors only, because libraries log every step. The log of one training was 98 %
# InterpretML's, and Celery's two lines a task cost a third of its speed.
OWN_LOGGERS = ("__main__", "benchmarks", "cli", "commands", "pipeline", "tasks", "workers")
# They say that a worker is ready, and that it has reached its broker, or reached it again.
LIFECYCLE_LOGGERS = ("celery.apps.worker", "celery.worker.consumer.connection")

FRAMES = 12  # of a traceback that are kept


def configure(process: str, level: str = "INFO") -> None:
    """Every logger of this process writes JSON lines to standard error: ours from `level` on, others warnings."""
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
            "root": {"handlers": ["stderr"], "level": "WARNING"},
            "loggers": {name: {"level": level} for name in (*OWN_LOGGERS, *LIFECYCLE_LOGGERS)},
        }
    )


def trace(error: Exception) -> str:
    """The type of an error and its traceback, without its text, which may quote a lead's value."""
    frames = traceback.format_list(traceback.extract_tb(error.__traceback__)[-FRAMES:])
    return f"{type(error).__name__}\n{''.join(frames)}"


def error_text(error: Exception) -> str:
    """What a row keeps of an error: its kind, where it happened, and its text if it is one of ours."""
    kind, _, frames = trace(error).partition("\n")
    reason = str(error) if isinstance(error, Service6Error) else ""
    return f"{kind}: {reason}\n{frames}"

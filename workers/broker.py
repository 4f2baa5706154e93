"""The Celery application of beat and Flower: `celery -A workers.broker beat|flower`.

They only send and watch, so they know tasks by name and do not load what scores.
"""

from celery.signals import setup_logging

from pipeline import log
from pipeline.settings import loader
from tasks import app as tasks_app
from workers import deadline

app = tasks_app.app
app.conf.imports = ()
_settings = loader.load()
tasks_app.connect(_settings)
deadline.end_within(_settings.workers.stop_s)


@setup_logging.connect
def _configure_logging(**_: object) -> None:
    log.configure("broker")

"""Queue `learning`: trainings."""

from pipeline import task_calls
from pipeline.services import train_model as service
from tasks.app import app, current_services

LONGEST_S = 3 * 3600


# Acknowledged when it is taken, because no visibility timeout is as long as a training: if its worker dies, the lease
# runs out, and upkeep sends another message.
@app.task(name=task_calls.TRAIN_MODEL, acks_late=False, soft_time_limit=LONGEST_S, time_limit=LONGEST_S + 60)
def train_model(training_id: int) -> None:
    """Learns the model that was asked for."""
    service.train_model(current_services(), training_id)

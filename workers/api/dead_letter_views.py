"""A dead letter as the API and the command line show it."""

from pipeline.storage.operations.dead_letters import DeadLetterRow
from schemas.dead_letter import DeadLetter


def dead_letter(row: DeadLetterRow) -> DeadLetter:
    arguments = {name: str(value) for name, value in row.arguments.items()}
    return DeadLetter.model_validate({**row._asdict(), "id": str(row.id), "arguments": arguments})

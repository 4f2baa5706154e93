"""The queues, declared once, where a process finds them that needs no Celery."""

QUEUES = ("scoring", "upkeep", "rescoring", "learning", "outreach")
# When a message was enqueued, in seconds since 1970: how old a queue is, and what it cannot hold any more.
ENQUEUED_AT = "enqueued_at"

"""Celery's own settings, each with its reason. The broker's address comes from the project's settings."""

from tasks.queues import QUEUES

imports = tuple(queue.module for queue in QUEUES)
task_default_queue = "upkeep"
task_routes = {f"{queue.name}.*": {"queue": queue.name} for queue in QUEUES}
task_create_missing_queues = False  # a typing error must not become a queue that nobody reads

# A message is a hint, the work is a row: acknowledge after the work, so that a killed worker's message returns. It may
# return twice; every task is idempotent.
task_acks_late = True
# Not `task_reject_on_worker_lost`: a lead that kills its worker would come back for ever. Upkeep brings it back, and
# counts.
task_reject_on_worker_lost = False
task_ignore_result = True  # results are rows
task_serializer = "json"
accept_content = ["json"]
enable_utc = True

worker_prefetch_multiplier = 1  # what a slow worker holds, a free one cannot have
worker_send_task_events = False  # three events a task cost more than scoring a lead; Flower shows the workers
task_send_sent_event = False
worker_hijack_root_logger = False  # workers/worker.py has configured logging already
worker_soft_shutdown_timeout = 8.0  # seconds in which a bundle can finish; less than `service6 up` waits
worker_enable_soft_shutdown_on_idle = True
worker_cancel_long_running_tasks_on_connection_loss = True
worker_max_memory_per_child = 400_000  # KiB; a leak ends with the child

# Above `database.statement_timeout_s`: where PostgreSQL hangs, the task must be told, and not ended.
task_soft_time_limit = 75
task_time_limit = 105

broker_connection_retry_on_startup = True
broker_connection_max_retries = None  # Redis may be away for longer than any count
broker_channel_error_retry = True
broker_transport_options = {
    # Above the longest task and its time limit, or it would run twice at once.
    "visibility_timeout": 300,
    # The default sweep for unacknowledged messages took 104 s to bring a killed worker's job back.
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_timeout": 10,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 25,
}

beat_max_loop_interval = 5  # seconds

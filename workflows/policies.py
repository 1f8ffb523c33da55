"""Named time-outs and retry policies of activities: `workflow.execute_activity(NAME, input, **policies.QUICK)`.

Refusals (`PlanwrightError` with `retryable = False`) are never retried, whatever the policy: the activity interceptor
marks them so, and it heartbeats for every activity by itself. What the policies decide is how long
a real trouble (database or mail server away) is waited out.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityConfig

# How soon a killed worker is noticed. A loaded event loop must still come round to it within this time.
HEARTBEAT = timedelta(seconds=10)

# Until it works: nobody is waiting, and giving up would leave a half-done thing behind.
PERSISTENT = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=30)
)
# About ten minutes of trouble, kills of the worker included; then a person is told.
PATIENT = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=60),
    maximum_attempts=15,
)
# The next round comes soon anyway.
BRIEF = RetryPolicy(initial_interval=timedelta(seconds=1), backoff_coefficient=2.0, maximum_attempts=3)

# One read or one transaction.
QUICK = ActivityConfig(
    start_to_close_timeout=timedelta(seconds=60), heartbeat_timeout=HEARTBEAT, retry_policy=PERSISTENT
)
# Many small idempotent steps: copying a snapshot, delivering mails, recomputing rollups.
BATCH = ActivityConfig(
    start_to_close_timeout=timedelta(minutes=15), heartbeat_timeout=HEARTBEAT, retry_policy=PERSISTENT
)
# A whole job: the import of a large file, a report.
JOB = ActivityConfig(start_to_close_timeout=timedelta(hours=2), heartbeat_timeout=HEARTBEAT, retry_policy=PATIENT)
# A round of upkeep.
ROUND = ActivityConfig(start_to_close_timeout=timedelta(seconds=60), heartbeat_timeout=HEARTBEAT, retry_policy=BRIEF)

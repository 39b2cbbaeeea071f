"""Jobs: Postgres is the truth, Celery the engine.

`enqueue` writes a job row in the business transaction. On its commit a message wakes a worker, which claims the fairest
due job under a lease, runs it inside its chapter, and completes it in the transaction of its effect. The broker may be
lost at any time: a tick brings back whatever is due and unclaimed.
"""

from .dead_letters import replay
from .kinds import job
from .outcomes import Fail, LeaseLost, Retry
from .wishes import CURRENT, enqueue
from .work import Work

__all__ = ["CURRENT", "Fail", "LeaseLost", "Retry", "Work", "enqueue", "job", "replay"]

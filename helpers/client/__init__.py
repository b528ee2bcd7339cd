"""Send requests from a process of its own: many at once, or a load of them for some seconds."""

from helpers.client.bursting import Burst, Reply, burst, last_answer
from helpers.client.loading import load
from helpers.client.results import Load

__all__ = ["Burst", "Load", "Reply", "burst", "last_answer", "load"]

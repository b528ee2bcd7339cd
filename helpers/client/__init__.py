"""Send many requests at once, from a process of its own."""

from helpers.client.bursting import Burst, Reply, burst

__all__ = ["Burst", "Reply", "burst"]

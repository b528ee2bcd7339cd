"""Child processes: start them, speak with them, end them, from both sides; and the register of all that runs."""

from helpers.processes.errors import CannotStart, ChildError, Ended, PortTaken, Refused, TimedOut
from helpers.processes.parent import Child
from helpers.processes.registry import Running, registry

__all__ = [
    "CannotStart",
    "Child",
    "ChildError",
    "Ended",
    "PortTaken",
    "Refused",
    "Running",
    "TimedOut",
    "registry",
]

"""Send requests from a process of its own: many at once, a load of them for some seconds, or talk and listen."""

from helpers.client.bursting import Burst, Reply, burst, last_answer
from helpers.client.listening import Listening, listen
from helpers.client.loading import load
from helpers.client.results import Load
from helpers.client.talking import Talk, talk

__all__ = ["Burst", "Listening", "Load", "Reply", "Talk", "burst", "last_answer", "listen", "load", "talk"]

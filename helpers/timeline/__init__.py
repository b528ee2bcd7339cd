"""See what each request did: when it was sent, started, waited and ended; on which thread, on which event loop."""

from helpers.timeline.model import Timeline
from helpers.timeline.requests import Request, Span
from helpers.timeline.watching import watch

__all__ = ["Request", "Span", "Timeline", "watch"]

"""Ask several servers the same thing and see their answers side by side.

`asking` sends, `answers` holds what came back, `comparing` finds what differs, `drawing` makes HTML of it.
"""

from helpers.exchange.answers import Answer, Exchange
from helpers.exchange.asking import ask

__all__ = ["Answer", "Exchange", "ask"]

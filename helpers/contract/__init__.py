"""`review`: the capstone's contract, twenty rules, told one by one to a fresh app; and the store for such apps."""

from helpers.contract.decision import decide
from helpers.contract.example import over
from helpers.contract.reviewing import Review, review
from helpers.contract.rules import RULES
from helpers.contract.store import Added, PostgresStore, Store

__all__ = ["RULES", "Added", "PostgresStore", "Review", "Store", "decide", "over", "review"]

"""Send many requests, good and bad, to several servers, and see who accepts what.

`cases` reads the requests from data/bad_requests.json, `trying` sends them and counts, `drawing` makes the map of
it, `tables` looks closer at a few of them.
"""

from helpers.acceptance.cases import Case, bad_requests, outcome
from helpers.acceptance.trying import AcceptanceMap, try_all

__all__ = ["AcceptanceMap", "Case", "bad_requests", "outcome", "try_all"]

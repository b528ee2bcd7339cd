"""Seeded bugs, and who finds them when: a linter, a type checker, the import, the first request, or nobody.

`sources` reads the apps of data/bugs, `checkers` runs the tools over them, `asking` imports them in a process of their
own and sends the requests, `hunt` puts it together, `drawing` makes the map of it.
"""

from helpers.bugs.hunting import Hunt, hunt

__all__ = ["Hunt", "hunt"]

"""A timeline in words: its finding as a headline, and all panels for those who do not see the drawing."""

from collections.abc import Sequence

from helpers.timeline.panels import Panel
from helpers.timeline.requests import length


def headline(found: Sequence[Panel]) -> str:
    """The finding of all panels in one line."""
    slowest = max(found, key=lambda p: p.finish_ms)
    quickest = min(found, key=lambda p: p.finish_ms)
    if any(panel.blocks for panel in found):
        return _blocked(found)
    if len(found) == 1:
        return f"{slowest.name}: {slowest.count}, {slowest.finish}, {slowest.finding}"
    if len(found) > 3:
        return f"From {quickest.finish} ({quickest.name}) to {slowest.finish} ({slowest.name})"
    counts = {panel.count for panel in found}
    start = f"{counts.pop()}: " if len(counts) == 1 else ""
    return start + ", ".join(f"{panel.name} {panel.finish}" for panel in found)


def _blocked(found: Sequence[Panel]) -> str:
    """Who blocks its event loop for longest, and who does as much without."""
    worst = max((panel for panel in found if panel.blocks), key=lambda p: p.finish_ms)
    text = f"{worst.name} blocks the event loop: {worst.count} {'takes' if worst.n == 1 else 'take'} {worst.finish}"
    free = [p for p in found if p.n == worst.n > 1 and not p.blocks]  # single requests may be of any kind
    best = min(free, key=lambda p: p.finish_ms, default=worst)
    return text + f"; {best.name} takes {best.finish}" * (best.finish_ms < worst.finish_ms / 1.5)


def describe(found: Sequence[Panel], missed: int) -> str:
    """The finding, and all panels in words; `missed` requests were too many to record."""
    lines = [f"{headline(found)}."] if len(found) > 1 else []
    for panel in found:
        loop = {"blocked": f", blocked for {length(panel.held_ms):,.0f} ms", "busy": ", busy with other things"}
        state = loop.get(panel.loop_state, "")
        lines.append(f"{panel.name}: {panel.count}, {panel.finish}, {panel.finding} ({panel.shared}{state}).")
    if missed:
        lines.append(f"{missed:,} more requests were too many to record.")
    return " ".join(lines)

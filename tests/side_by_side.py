"""How the tests share the machine: those that read no clock run beside each other, then the others one at a time.

`@pytest.mark.together` says of a test that it may run beside others; what says nothing runs alone, and so does what is
marked `long`. Workers of pytest-xdist tell only the names of what they collected, so each test's turn goes by a file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from xdist.scheduler import LoadScheduling

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.workermanage import WorkerController

LONG_TOGETHER, TOGETHER, ALONE = range(3)  # in the order of their turns
IN_HAND = 2  # a worker begins a test when it knows the one after


def turn(item: pytest.Item) -> int:
    """When `item` has its turn; of what runs together the long comes first, so that all workers end at once."""
    if not item.get_closest_marker("together") or item.get_closest_marker("long"):
        return ALONE
    takes_long = item.get_closest_marker("lesson") or item.get_closest_marker("browser")
    return LONG_TOGETHER if takes_long else TOGETHER


class ClockLast(LoadScheduling):
    """Deals what runs together to all workers, and the rest to one of them when the others have ended."""

    def __init__(self, config: pytest.Config, log: Producer, turns: Path) -> None:
        super().__init__(config, log)
        self.file = turns  # written by every worker before it says what it collected
        self.turns: list[int] = []

    def schedule(self) -> None:
        if self.collection is None and self._check_nodes_have_same_collection():
            self.collection = next(iter(self.node2collection.values()))
            self.turns = json.loads(self.file.read_text(encoding="utf-8"))
            self.pending = sorted(range(len(self.collection)), key=self.turns.__getitem__)
        self.deal()

    def mark_test_complete(self, node: WorkerController, item_index: int, duration: float = 0) -> None:
        self.node2pending[node].remove(item_index)
        self.deal()

    def remove_node(self, node: WorkerController) -> str | None:
        crashed = super().remove_node(node)  # hands back what a crashed worker had before it
        self.pending.sort(key=self.turns.__getitem__)
        self.deal()
        return crashed

    def check_schedule(self, node: WorkerController, duration: float = 0) -> None:
        """Nothing: what one worker gets depends on all of them."""

    def deal(self) -> None:
        """Give the workers as many tests as they may have now, and let go those that get no more."""
        working = [node for node in self.nodes if not node.shutting_down]
        self.fill(working, LONG_TOGETHER, TOGETHER)
        if self.pending and self.turns[self.pending[0]] == ALONE:
            for node in working[1:]:
                node.shutdown()
            if len(self.nodes) == 1:  # the others have run their last test and put everything away
                self.fill(working[:1], ALONE)
        if not self.pending:
            for node in working:
                node.shutdown()

    def fill(self, nodes: list[WorkerController], *turns: int) -> None:
        """Send tests of these turns to the emptiest of `nodes`, until each has enough in hand."""
        while self.pending and self.turns[self.pending[0]] in turns:
            node = min(nodes, key=lambda node: len(self.node2pending[node]), default=None)
            if node is None or len(self.node2pending[node]) >= IN_HAND:
                return
            self._send_tests(node, 1)

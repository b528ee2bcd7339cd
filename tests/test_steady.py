"""A failing test is tried again only where the control saw the machine disturbed."""

from __future__ import annotations

import pytest
import steady


class Told(steady.Control):
    """A control that says what it is told."""

    said = False

    @property
    def quiet(self) -> bool:
        return self.said


@pytest.mark.parametrize(("is_quiet", "tries"), [(True, 1), (False, 3)])
def test_what_fails_undisturbed_has_failed_at_once(is_quiet: bool, tries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steady, "Control", Told)
    monkeypatch.setattr(Told, "said", is_quiet)
    tried = []

    def attempt() -> None:
        tried.append("once more")
        raise AssertionError

    with pytest.raises(AssertionError):
        steady.until_quiet(attempt, tries=3)
    assert len(tried) == tries

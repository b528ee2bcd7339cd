"""What can go wrong between this process and a child of it: a class for each, as a message is for people."""


class ChildError(Exception):
    """The child did not do what it was asked to; the message says why."""


class CannotStart(ChildError):
    """The operating system starts no such process."""


class Ended(ChildError):
    """The child has ended, or ended before it answered; `status` is its exit status, where that is known."""

    status: int | None = None


class TimedOut(ChildError):
    """The child has not answered in time. It may still be busy."""


class Refused(ChildError):
    """The child answered that it cannot do this; the message is the child's own. Raised in the child, too."""


class PortTaken(Refused):
    """Somebody else listens on the port that was asked for."""


REFUSALS: dict[str, type[Refused]] = {kind.__name__: kind for kind in (Refused, PortTaken)}

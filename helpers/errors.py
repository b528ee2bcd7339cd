"""Errors that a learner meets: one sentence that says what was wrong and what to do."""


class LessonError(Exception):
    """A foreseeable mistake, told in one sentence.

    In a notebook IPython shows only that sentence, followed by the cause in one line where there is one, instead of
    a traceback through files the learner has not written. In a plain Python program it is an ordinary exception
    with an ordinary traceback.
    """

    def __str__(self) -> str:
        sentence = super().__str__()
        return f"{sentence} [{one_line(self.__cause__)}]" if self.__cause__ is not None else sentence

    def _render_traceback_(self) -> list[str]:
        """What IPython prints in place of a traceback."""
        return [f"{type(self).__name__}: {self}"]


def one_line(error: BaseException, limit: int = 300) -> str:
    """Name and message of an exception in one line of at most `limit` characters: ``ValueError: no such file``."""
    text = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
    return text if len(text) <= limit else text[: limit - 1] + "…"

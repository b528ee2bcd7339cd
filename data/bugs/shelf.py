"""What the three apps share: two books, and ways to find them. There is no bug in here."""

from pydantic import BaseModel


class Public(BaseModel):
    title: str


class Book(Public):
    number: int
    pages: int | None = None
    bought_for: float = 0  # nobody outside shall see this


class Label:  # an ordinary class, of which no framework knows how to write it as JSON
    def __init__(self, text: str) -> None:
        self.text = text


BOOKS = {1: Book(number=1, title="Emma", pages=474, bought_for=3.5), 2: Book(number=2, title="Persuasion")}


def find(number: int) -> Book | None:
    return BOOKS.get(number)


async def fetch(number: int) -> Book:
    return BOOKS[number]


def get_books() -> dict[int, Book]:
    return BOOKS

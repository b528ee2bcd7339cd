"""Lay answers side by side: the same thing of each in one row, as text, and whether it differs."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from helpers.errors import one_line

if TYPE_CHECKING:
    from helpers.exchange.answers import Answer

ALWAYS = ("content-type", "location")  # headers that get a row even where they are alike
NOISE = {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"}  # and those that get none
LAID_OUT_AT_MOST = 200_000  # bytes of a JSON body; a longer one is shown as it came
KEYS_AT_MOST = 30
VISIBLE = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n\r"}  # control characters as ␀␁␂


class Quiet(str):
    """Text that stands where there is nothing to show."""


NOTHING, ABSENT, EMPTY, BY_KEY = Quiet("—"), Quiet("absent"), Quiet("(empty)"), Quiet("(key by key below)")


@dataclass(frozen=True)
class Row:
    """One thing of each answer, as text. `same` is None where fewer than two answers have it or it is not compared."""

    label: str
    texts: Sequence[str]
    same: bool | None
    fold: str = ""  # what the lines of the texts are, where they are folded away

    @classmethod
    def of(cls, label: str, pairs: Iterable[tuple[Hashable, str]], *, fold: str = "") -> Row:
        """A row of (key, text) for each answer: the keys are compared, the texts shown; None is not compared."""
        keys, texts = zip(*pairs, strict=True)
        compared = [key for key in keys if key is not None]
        return cls(label, texts, len(set(compared)) == 1 if len(compared) > 1 else None, fold)


def compare(answers: Sequence[Answer]) -> list[Row]:
    """The rows for `answers`: status, exception in the app, headers, body, time."""
    rows = [Row.of("status", map(_status, answers))]
    if any(answer.failure for answer in answers):
        rows.append(Row.of("exception in the app", map(_raised, answers)))
    rows += _headers(answers) + _bodies(answers)
    rows.append(Row.of("time", ((None, _time(answer)) for answer in answers)))
    if any(answer.headers for answer in answers):
        rows.append(Row.of("all headers", ((None, _all_headers(answer)) for answer in answers), fold="headers"))
    return rows


def _status(answer: Answer) -> tuple[Hashable, str]:
    lines = [f"{answer.status} {answer.reason}".strip()] if answer.status else ["no answer"]
    return (answer.status, bool(answer.error)), "\n".join([*lines, *([answer.error] if answer.error else [])])


def raised(answer: Answer) -> list[str]:
    """What the app raised and, where that is known, in which line; nothing where it raised nothing."""
    if not answer.failure:
        return []
    error = answer.failure.exception
    return [one_line(error), *([answer.failure.where] if answer.failure.where else [])]


def _raised(answer: Answer) -> tuple[Hashable, str]:
    lines = raised(answer)
    return "".join(lines[:1]), "\n".join(lines) or NOTHING


def _headers(answers: Sequence[Answer]) -> list[Row]:
    seen = dict.fromkeys([*ALWAYS, *(name for answer in answers for name in answer.headers)])
    rows = [
        Row.of(name, (_header(answer, name) for answer in answers))
        for name in seen
        if name not in NOISE and any(name in answer.headers for answer in answers)
    ]
    return [row for row in rows if row.same is not True or row.label in ALWAYS]


def _header(answer: Answer, name: str) -> tuple[Hashable, str]:
    if answer.status is None:
        return None, NOTHING
    values = answer.headers.get_list(name)
    return _anywhere(answer, "\n".join(values)), "\n".join(values) if values else ABSENT


def _all_headers(answer: Answer) -> str:
    return "\n".join(f"{name}: {value}" for name, value in answer.headers.multi_items()) or NOTHING


def _bodies(answers: Sequence[Answer]) -> list[Row]:
    """One row for each key where at least two bodies are JSON objects, and one for the bodies that are not."""
    objects = {answer.server: value for answer in answers if isinstance(value := parsed(answer), dict)}
    keys = dict.fromkeys(key for value in objects.values() for key in value)
    if len(objects) < 2 or not 0 < len(keys) <= KEYS_AT_MOST:
        return [Row.of("body", map(_body, answers))]
    rows = []
    if any(answer.status and answer.server not in objects for answer in answers):
        pairs = ((dict, BY_KEY) if answer.server in objects else _body(answer) for answer in answers)
        rows.append(Row.of("body", pairs))
    return rows + [
        Row.of(f"body: {shorten(key, 40)}", (_key(answer, objects, key) for answer in answers)) for key in keys
    ]


def _body(answer: Answer) -> tuple[Hashable, str]:
    if answer.status is None:
        return None, NOTHING
    value = parsed(answer)
    if value is not ...:
        return _canonical(answer, value), pretty(value)
    return answer.content.replace(answer.url.encode(), b""), readable(answer.content, answer.encoding) or EMPTY


def _key(answer: Answer, objects: dict[str, dict[str, Any]], key: str) -> tuple[Hashable, str]:
    if answer.status is None:
        return None, NOTHING
    value = objects.get(answer.server, {}).get(key, ...)
    if value is ...:
        return "absent", ABSENT if answer.server in objects else NOTHING
    return _canonical(answer, value), pretty(value)


def _time(answer: Answer) -> str:
    took = f"{answer.elapsed_ms:.1f} ms" if answer.elapsed_ms < 100 else f"{answer.elapsed_ms:,.0f} ms"
    return f"{took}, {size(len(answer.content))}" if answer.status else took


def parsed(answer: Answer) -> Any:
    """The body as a JSON value, or `...` where it is none or too long to be laid out."""
    looks_so = "json" in answer.headers.get("content-type", "") or answer.content.lstrip()[:1] in (b"{", b"[")
    if not looks_so or len(answer.content) > LAID_OUT_AT_MOST:
        return ...
    try:
        value = json.loads(answer.content)
        pretty(value)
    except (ValueError, RecursionError):
        return ...
    return value


def _canonical(answer: Answer, value: Any) -> str:
    """JSON that is equal only for equal JSON: in Python 1, 1.0 and True are one and the same."""
    return _anywhere(answer, json.dumps(value, sort_keys=True))


def _anywhere(answer: Answer, text: str) -> str:
    """`text` without the server's own address, which differs from server to server and says nothing."""
    return text.replace(answer.url, "")


def pretty(value: Any, indent: str = "", width: int = 44) -> str:
    """`value` as JSON, with what fits into `width` characters kept in one line."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or len(indent) + len(line) <= width or len(indent) >= width:
        return line
    deeper = indent + "  "
    if isinstance(value, dict):
        parts = [f"{deeper}{pretty(key)}: {pretty(each, deeper, width)}" for key, each in value.items()]
    else:
        parts = [deeper + pretty(each, deeper, width) for each in value]
    return "\n".join([line[0], ",\n".join(parts), indent + line[-1]])


def readable(content: bytes, encoding: str = "utf-8") -> str:
    """A body as text for people: bytes that are no text as ``\\xff``, or as size and first bytes where most are not."""
    head = decoded(content[:4096], encoding, "replace")
    if "\0" in head or head.count("�") > 0.3 * len(head):
        return f"binary, {size(len(content))}, begins {content[:16].hex(' ')}"
    return decoded(content, encoding, "backslashreplace").translate(VISIBLE)


def decoded(content: bytes, encoding: str, errors: str) -> str:
    """`content` as text, in UTF-8 where `encoding` names none for text."""
    try:
        return content.decode(encoding, errors)
    except (LookupError, UnicodeError):
        return content.decode(errors=errors)


def encodable(text: str) -> str:
    r"""`text` with lone surrogates, which JSON may hold and a notebook cannot, written as ``\ud800``."""
    return text.encode(errors="backslashreplace").decode()


def one_line_of(answer: Answer, limit: int) -> str:
    """Content type and beginning of a body, in one line."""
    kind = answer.headers.get("content-type", "no content type")
    return f"{kind}: {shorten(readable(answer.content, answer.encoding) or EMPTY, limit)}"


def shorten(text: str, limit: int) -> str:
    """The first `limit` characters of `text`, in one line."""
    line = " ".join(text[: 2 * limit].split())
    return line if len(line) <= limit and len(text) <= 2 * limit else line[:limit] + "…"


def size(count: int) -> str:
    """A number of bytes for people: ``1 byte``, ``512 bytes``, ``20.0 MB``."""
    if count < 1000:
        return f"{count} byte{'' if count == 1 else 's'}"
    return f"{count / 1000:.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"

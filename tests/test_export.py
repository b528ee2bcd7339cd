"""What may leave the machine: export's whitelist, what reads it back, and the names that the lessons use."""

import copy
import json
import re
import subprocess
import sys

import pytest

from helpers import export, judge, predict
from helpers.claims import names, read_export, rules
from helpers.claims.exporting import FORMAT, LARGEST, text_of
from helpers.claims.store import Store, open_store, write
from helpers.errors import LessonError
from helpers.machine import PACKAGES
from helpers.storage import ROOT

pytestmark = pytest.mark.together

PRIVATE = [
    *("Ada Lovelace", "/home/ada/thesis", "C:\\Users\\ada", "ada@example.org", "192.168.17.23", "ada-laptop"),
    *("my boss is wrong", "2026-11-28T07:41:24+01:00", "http://127.0.0.1:45123", "+49 170 1234567", "Grüße, Ada"),
]
FRAGMENTS = [
    "Ada",
    "ada@",
    "Lovelace",
    "/home",
    "C:",
    "boss",
    "170 1234567",
    "07:41",
    "+01:00",
    "45123",
    "192.168",
    "Gr",
]
SHORT = "JSON for a 404"  # a name of lesson 00, which offers "flask", "fastapi", "both" and "neither"


@pytest.fixture(autouse=True)
def results(tmp_path, monkeypatch):
    monkeypatch.setenv("LESSON_RESULTS", str(tmp_path / "results"))
    for variable in ("XDG_CACHE_HOME", "HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path / "cache"))
    return tmp_path / "results"


def keep(results, entries):
    """Put `entries` where the ledger is kept, as if they had been made there."""
    results.mkdir(exist_ok=True)
    write(results / "ledger.json", entries)


def guess(value, **more):
    return {"value": value, "when": PRIVATE[7], "machine": {"user": PRIVATE[0], "python": "3.11.7"}, **more}


def verdict(verdict, evidence=None, **more):
    return {"verdict": verdict, "found": " ".join(PRIVATE), "evidence": evidence, "when": PRIVATE[7], **more}


def hostile():
    """A ledger with a private text in each place that can hold one."""
    nested = {text: {text: [text, {text: text}]} for text in PRIVATE}
    entries = {text: {"guesses": [guess(text)], "verdicts": [verdict(None, text)]} for text in PRIVATE}
    values = [*PRIVATE, nested, [*PRIVATE], PRIVATE[:2], [3, PRIVATE[0]], [[3, 4], 5], None, {"value": 3}]
    for name, claim in rules.claims().items():
        checks = {PRIVATE[0]: True, **dict.fromkeys(claim.checks, PRIVATE[1])}
        number = {
            "value": PRIVATE[2],
            "low": nested,
            "high": 4,
            "conclusive": PRIVATE[3],
            PRIVATE[4]: 7,
            "doubt": PRIVATE[6],
        }
        entries[name] = {
            "guesses": [guess(value, late=PRIVATE[6], note=PRIVATE[0], **{PRIVATE[1]: 3}) for value in values],
            "verdicts": [verdict("holds", evidence, note=nested) for evidence in (checks, number, nested, *values)],
            "before": [{"guesses": [guess(PRIVATE[6])], "verdicts": [verdict("holds", PRIVATE[0])]}],
            PRIVATE[0]: nested,
        }
    entries[SHORT] = {
        "guesses": [guess(value) for value in values],
        "verdicts": [verdict(None, each) for each in values],
    }
    return entries


def parts_of(value):
    """All the texts in a JSON value, names included."""
    if isinstance(value, dict):
        return [text for pair in value.items() for each in pair for text in parts_of(each)]
    if isinstance(value, list):
        return [text for each in value for text in parts_of(each)]
    return [value] if isinstance(value, str) else []


def test_a_ledger_full_of_private_words_lets_none_of_them_out(results):
    keep(results, hostile())
    made = export()
    for shown in (made.text, json.dumps(made.data), made.summary(), made.body()):
        for text in (*PRIVATE, *FRAGMENTS):
            assert text not in shown and json.dumps(text)[1:-1] not in shown
    assert f"{len(PRIVATE)} names that no lesson uses" in made.summary()
    assert read_export(made.text) == made.data
    made.write()
    assert (results / "export.json").read_text("utf-8") == made.text


def test_each_word_of_an_export_is_one_of_the_projects_own(results):
    keep(results, hostile())
    predict("C30", 3, 10)
    judge("C30", 5)
    predict(SHORT, "Both")
    own = set(rules.claims()) | set(names.names()) | {*rules.VERDICTS, *rules.VOTES}
    own |= {check for claim in rules.claims().values() for check in claim.checks}
    own |= {word for words in names.names().values() for word in words}
    own |= {"guesses", "verdicts", "value", "late", "verdict", "evidence", "low", "high", "conclusive"}
    assert set(parts_of(export().data["entries"])) <= own


def test_the_head_is_a_version_a_random_number_and_the_machines_shape(monkeypatch):
    long = {
        "cores": 8,
        "system": "Linux",
        "python": "3.11.7+ada",
        "flask": "3.1.3.dev1+ada",
        "host": "ada",
        "fastapi": "ada",
    }
    monkeypatch.setattr("helpers.claims.exporting.machine", lambda: long)
    data = export().data
    assert data["format"] == FORMAT and data["version"] == 1 and re.fullmatch("[0-9a-f]{16}", data["id"])
    assert data["machine"] == {"cores": 8, "system": "Linux", "python": "3.11", "flask": "3.1"}
    odd = {"cores": True, "system": "AdaOS", "python": 3.11, "flask": "10.0.0.17/ada", "werkzeug": "2024ada"}
    monkeypatch.setattr("helpers.claims.exporting.machine", lambda: odd)
    assert export().data["machine"] == {"cores": None, "system": None, "flask": "10.0"}


def test_this_machines_own_head_reads_back():
    shape = read_export(export().text)["machine"]
    assert shape["cores"] >= 1 and re.fullmatch(r"\d+\.\d+", shape["fastapi"])
    assert set(shape) <= {"cores", "system", "python", *PACKAGES}


def test_the_random_number_is_made_once_and_belongs_to_the_results(results, monkeypatch, tmp_path):
    first = export().data["id"]
    code = "from helpers import export; print(export().data['id'])"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert other.stdout.strip() == export().data["id"] == first
    (results / "export.id").write_text("ada", "utf-8")
    assert re.fullmatch("[0-9a-f]{16}", export().data["id"])
    monkeypatch.setenv("LESSON_RESULTS", str(tmp_path / "another"))
    fresh = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert fresh.stdout.strip() != first


def test_guesses_keep_their_order_and_what_they_were(results):
    for value in ((3, 10), (5,), ("it depends",), ("no idea, Ada",), (True,), ("2 ",)):
        predict("C30", *value)
    judge("C30", 4.56789)
    predict("C30", 123456)
    entry = export().data["entries"]["C30"]
    assert [one["value"] for one in entry["guesses"]] == [[3, 10], 5, "it depends", None, True, "2", 123500]
    assert [one["late"] for one in entry["guesses"]] == [False] * 6 + [True]
    number = {"value": 4.568, "low": 4.568, "high": 4.568, "conclusive": True}
    assert entry["verdicts"] == [{"verdict": "holds with conditions", "evidence": number}]
    assert type(entry["guesses"][4]["value"]) is bool


def test_words_that_a_lesson_offers_are_kept_as_the_lesson_writes_them():
    predict(SHORT, " FLASK")
    judge(SHORT, "fastapi")
    predict("plain double of 21", "2121")
    predict("same bytes", "No")
    judge("same bytes", True)
    predict("same bytes of mine", "no")
    entries = export().data["entries"]
    assert entries[SHORT]["guesses"][0]["value"] == "flask"
    assert entries[SHORT]["verdicts"] == [{"verdict": None, "evidence": "fastapi"}]
    assert entries["plain double of 21"]["guesses"][0]["value"] == "2121"
    assert entries["same bytes"]["guesses"][0]["value"] == "no"
    assert entries["same bytes"]["verdicts"][0]["evidence"] is True
    assert set(entries) == {SHORT, "plain double of 21", "same bytes"}


def test_checks_and_votes_are_kept_by_their_names():
    found = dict.fromkeys(rules.claims()["C14"].checks, True) | {"drops unknown fields": None}
    judge("C14", found)
    judge("C42", "agree")
    judge("C10")
    entries = export().data["entries"]
    assert entries["C14"]["verdicts"] == [{"verdict": "holds with conditions", "evidence": found}]
    assert entries["C42"]["verdicts"] == [{"verdict": "opinion", "evidence": "agree"}]
    assert entries["C10"]["verdicts"] == [{"verdict": "cannot be measured", "evidence": None}]


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), 10**400, 1e101])
def test_a_number_is_finite_or_null(results, value):
    number = {"value": value, "low": value, "high": value, "conclusive": True}
    keep(results, {"C30": {"guesses": [guess(value), guess([1, value])], "verdicts": [verdict("holds", number)]}})
    entry = export().data["entries"]["C30"]
    assert [one["value"] for one in entry["guesses"]] == [None, None]
    assert entry["verdicts"][0]["evidence"] == {"value": None, "low": None, "high": None, "conclusive": True}
    assert read_export(export().text)["entries"] == {"C30": entry}


def test_long_histories_stay_below_64_kb_and_keep_the_first_and_the_latest(results):
    low, high = -1.234567e-90, -1.234567e-91
    entries = {}
    for name in (*rules.claims(), *names.names()):
        checks = rules.claims()[name].checks if name in rules.claims() else []
        evidence = dict.fromkeys(checks, False) or {"value": low, "low": low, "high": high, "conclusive": False}
        guesses = [guess([low * (n + 1), high], late=False) for n in range(50)]
        entries[name] = {
            "guesses": guesses,
            "verdicts": [verdict("holds with conditions", evidence) for _ in range(50)],
        }
    entries["C30"]["guesses"][0]["value"], entries["C30"]["guesses"][-1]["value"] = 3, 10
    keep(results, entries)
    made = export()
    assert made.size == len(made.text.encode()) < LARGEST
    assert set(made.data["entries"]) == set(entries)
    kept = [one["value"] for one in made.data["entries"]["C30"]["guesses"]]
    assert kept[0] == 3 and kept[-1] == 10
    assert "older records, to stay below 64 kB" in made.summary()
    assert read_export(made.text) == made.data


def test_an_empty_ledger_exports_too():
    made = export()
    assert made.data["entries"] == {} and read_export(made.text) == made.data
    assert "0 guesses and 0 results" in made.summary()


def test_the_whole_text_is_shown_before_it_is_written_and_nothing_else_is_written(results, tmp_path):
    predict("C30", 3)
    made = export()
    assert made.text in made.summary()
    assert made.text.replace("&", "&amp;").replace('"', "&quot;").replace("'", "&#x27;") in made.body()
    assert not list(tmp_path.rglob("export.json"))
    assert str(results / "export.json") in made.write().summary()
    assert (results / "export.json").read_text("utf-8") == made.text
    made.write(tmp_path / "a new folder")
    assert read_export(tmp_path / "a new folder" / "export.json") == made.data
    assert read_export(str(tmp_path / "a new folder" / "export.json")) == made.data
    (tmp_path / "file").touch()
    with pytest.raises(LessonError, match="cannot be written; name another folder"):
        made.write(tmp_path / "file")


def test_results_in_memory_alone_can_be_exported_to_a_folder_that_is_named(results, tmp_path):
    results.write_text("")
    (tmp_path / "cache").write_text("")
    predict("C30", 4)
    made = export()
    assert made.data["id"] == export().data["id"] and made.data["entries"]["C30"]["guesses"][0]["value"] == 4
    with pytest.raises(LessonError, match="no folder here; name one"):
        made.write()
    assert read_export(made.write(tmp_path / "mine") and tmp_path / "mine" / "export.json") == made.data


# Reading back


def good():
    predict("C30", 3, 10)
    judge("C30", 5)
    judge("C14", dict.fromkeys(rules.claims()["C14"].checks, True))
    predict(SHORT, "both")
    return export().data


def changed(path, value):
    data = copy.deepcopy(good())
    place = data
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return text_of(data) if isinstance(data["entries"], dict) else json.dumps(data)


OF_C30 = ("entries", "C30")
CHANGES = [
    (("format",), "ada/export", "its format is another one"),
    (("version",), 2, "its version is not 1"),
    (("version",), True, "its version is not 1"),
    (("version",), 1.0, "its version is not 1"),
    (("id",), "Ada Lovelace 016", "its id is not sixteen"),
    (("id",), 1234567890123456, "its id is not sixteen"),
    (("id",), "0123456789abcde\n", "its id is not sixteen"),
    (("name",), "Ada", "one of its parts has"),
    (("machine",), "Ada's laptop", "machine has"),
    (("machine", "host"), "ada", "machine has"),
    (("machine", "cores"), 2.0, "machine has"),
    (("machine", "cores"), 10**9, "machine has"),
    (("machine", "python"), "3.11.7", "machine has"),
    (("machine", "system"), "AdaOS", "machine has"),
    (("entries",), [], "entries has"),
    (("entries", "Ada's laptop"), {"guesses": [], "verdicts": []}, "entries has"),
    (OF_C30, [], "entries has"),
    ((*OF_C30, "before"), [], "entries has"),
    ((*OF_C30, "guesses"), {}, "entries has"),
    ((*OF_C30, "guesses", 0, "value"), "Ada", "entries has"),
    ((*OF_C30, "guesses", 0, "value"), [1, 2, 3], "entries has"),
    ((*OF_C30, "guesses", 0, "value"), 1.23456, "entries has"),
    ((*OF_C30, "guesses", 0, "value"), {"value": 3}, "entries has"),
    ((*OF_C30, "guesses", 0, "late"), 0, "entries has"),
    ((*OF_C30, "guesses", 0, "when"), "2026-11-28", "entries has"),
    ((*OF_C30, "verdicts", 0, "verdict"), "surely", "entries has"),
    ((*OF_C30, "verdicts", 0, "verdict"), None, "entries has"),
    ((*OF_C30, "verdicts", 0, "found"), "5", "entries has"),
    ((*OF_C30, "verdicts", 0, "evidence", "doubt"), "Ada", "entries has"),
    ((*OF_C30, "verdicts", 0, "evidence", "value"), "5", "entries has"),
    (("entries", "C14", "verdicts", 0, "evidence", "is Ada's"), True, "entries has"),
    (("entries", "C14", "verdicts", 0, "evidence", "drops unknown fields"), 1, "entries has"),
    (("entries", SHORT, "guesses", 0, "value"), "BOTH", "entries has"),
]


@pytest.mark.parametrize(("path", "value", "why"), CHANGES, ids=lambda part: str(part)[:40])
def test_whatever_an_export_may_not_hold_is_refused_in_one_sentence(path, value, why):
    with pytest.raises(LessonError, match=f"This is no export of the lessons: {why}") as refused:
        read_export(changed(path, value))
    assert "Ada" not in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("part", ["format", "version", "id", "machine", "entries"])
def test_each_part_must_be_there(part):
    data = good()
    del data[part]
    with pytest.raises(LessonError, match="This is no export"):
        read_export(json.dumps(data))


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}",
        '{"format": NaN}',
        "{" + '"a":{' * 30_000,
        '{"format": ' + "[" * 60_000 + "]" * 5_000 + "}",
        '{"format": 1e999}',
        '{"format": ' + "9" * 6_000 + "}",
        '{"format": "\\ud800"}',
        '{"\ud800": 1}',
        "{" + " " * LARGEST + "}",
        "not a file",
        "",
        "\0",
    ],
    ids=range(13),
)
def test_what_is_no_export_at_all_is_one_sentence(text):
    with pytest.raises(LessonError, match="This is no export of the lessons") as refused:
        read_export(text)
    assert refused.value.__cause__ is None


def test_nothing_is_nested_too_deep_for_a_sentence():
    data = good()
    limit = sys.getrecursionlimit()
    for depth in [*range(limit - 200, limit), 2 * limit]:
        text = json.dumps(data | {"more": 0}).replace('"more": 0', '"more": ' + '{"a":' * depth + "1" + "}" * depth)
        with pytest.raises(LessonError, match="This is no export of the lessons"):
            read_export(text)


def test_a_name_that_stands_twice_hides_nothing():
    text = export().text
    with pytest.raises(LessonError, match="it is not JSON, or not as an export has it"):
        read_export(text.replace('"version"', '"id": "Ada Lovelace",\n "version"'))
    assert read_export(text)


@pytest.mark.parametrize("content", [b"\xff\xfe{", b" " * LARGEST, b"[]", b"null", b"3"])
def test_a_file_that_is_no_export_is_one_sentence(tmp_path, content):
    (tmp_path / "export.json").write_bytes(content)
    with pytest.raises(LessonError, match="This is no export of the lessons"):
        read_export(tmp_path / "export.json")
    with pytest.raises(LessonError, match="no file of that name"):
        read_export(tmp_path / "none.json")


def test_what_is_no_text_and_no_path_is_one_sentence():
    for odd in (None, 3, ["{"], b"{}"):
        with pytest.raises(LessonError, match="This is no export"):
            read_export(odd)


# The lessons' names


def test_the_names_are_those_of_the_stored_lessons():
    told = """run .venv/bin/python -c "from helpers.claims.names import gather; gather()" """
    assert names.names() == names.asked(), told
    assert len(names.names()) > 70


def test_what_a_learner_types_into_a_lesson_does_not_become_a_name(tmp_path, monkeypatch):
    """The stored list counts, not the learner's own copy of a notebook."""
    cell = {"cell_type": "code", "source": ["%time 1\n", "!ls\n", 'predict("Ada\'s laptop", 3)\n', 'judge("C30", 5)\n']}
    offer = {"cell_type": "markdown", "source": 'Guess `"one"` or `"holds"`.'}
    copy_of_ada = tmp_path / "00_mine.ipynb"
    copy_of_ada.write_text(json.dumps({"cells": [offer, cell, {"cell_type": "code", "source": "predict(name, 3)"}]}))
    assert names.asked(tmp_path) == {"Ada's laptop": ["one"]}
    predict("Ada's laptop", 3)
    assert "Ada" not in export().text


def test_each_text_that_a_lesson_offers_is_kept():
    assert names.names()[SHORT] == ["flask", "fastapi", "both", "neither"]
    assert names.names()["calling FastAPI returns"] == ["bytes", "coroutine", "response"]
    assert names.names()["sees an exception after a 409"] == ["both", "FastAPI", "Flask", "none"]
    assert {"raises", "500"} <= set(names.names()["Flask's test client"])


def test_gather_writes_what_names_reads(tmp_path, monkeypatch):
    file = tmp_path / "names.json"
    assert names.gather(file) == names.asked()
    assert file.read_text("utf-8") == (ROOT / "data" / "names.json").read_text("utf-8")
    monkeypatch.setattr(names, "FILE", tmp_path / "none.json")
    with pytest.raises(LessonError, match=r"data/names.json cannot be read as a table of names"):
        names.names.__wrapped__()


def test_a_store_elsewhere_is_not_touched(results, tmp_path):
    Store(tmp_path / "other", tmp_path / "cache").add("C30", guess=guess(3))
    assert export().data["entries"] == {}
    assert open_store().folders[0] == results

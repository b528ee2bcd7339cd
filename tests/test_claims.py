"""Predict, judge and the ledger: the claims' rules, where results are kept, and how they look."""

import dataclasses
import itertools
import json
import math
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy
import pytest
from filelock import FileLock
from IPython.core.interactiveshell import InteractiveShell

from helpers import judge, ledger, predict, recall, start_again
from helpers.checks import Open, Timed
from helpers.claims import drawing, entries, rules, store
from helpers.claims.guesses import asked_for
from helpers.claims.rules import Claim, Number
from helpers.errors import LessonError
from helpers.plots import Canvas
from helpers.storage import ROOT

# DESIGN section 3: which lesson puts which claims on trial.
ON_TRIAL = {
    "00": [1],
    "01": [3, 4, 6, 40, 42],
    "02": [13, 14, 15, 16],
    "03": [7, 17, 18, 19, 20, 21],
    "04": [36, 43, 44],
    "05": [3, 22, 23, 24, 26, 27, 28, 29],
    "06": [24, 25, 31],
    "07": [30, 31, 32, 33],
    "08": [34, 35],
    "09": [9, 38],
    "10": [39, 41, 45],
    "11": [37, 46],
    "12": [2, 5, 8, 10, 11, 12, 46],
}
WITH_RULE = [claim for claim in rules.claims().values() if claim.rule]


@pytest.fixture(autouse=True)
def results(tmp_path, monkeypatch):
    """A results folder, and a cache folder for when it fails, of each test's own."""
    monkeypatch.setenv("LESSON_RESULTS", str(tmp_path / "results"))
    for variable in ("XDG_CACHE_HOME", "HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path / "cache"))
    asked_for.clear()  # what other tests of this process have asked
    return tmp_path / "results"


@pytest.fixture(autouse=True)
def all_kinds(monkeypatch):
    """A rule with two bands for C30, and one with needs and limits for C33, whatever data/claims.toml has there now."""
    bands = {"holds": [3, 10], "conditions": [10, math.inf]}
    first, second, limit = rules.claims()["C33"].checks
    for name, rule in {"C30": bands, "C33": {"needs": [first, second], "unless": [limit]}}.items():
        monkeypatch.setitem(rules.claims(), name, dataclasses.replace(rules.claims()[name], rule=rule))


def estimate(value, low, high, conclusive=True, **more):
    return SimpleNamespace(value=value, low=low, high=high, conclusive=conclusive, **more)


def checks(claim, *, but=()):
    """Evidence under which `claim` holds, with the checks in `but` the other way round."""
    return {name: (name in claim.rule["needs"]) != (name in but) for name in claim.checks}


def html(drawn):
    bundle = drawn._repr_mimebundle_()
    assert bundle["text/plain"] == drawn.summary() == repr(drawn)
    return bundle["text/html"]


def kept(results):
    return json.loads((results / "ledger.json").read_text("utf-8"))["entries"]


# data/claims.toml


def test_the_table_has_all_46_claims_in_order():
    assert list(rules.claims()) == [f"C{number}" for number in range(1, 47)]


def test_each_claim_names_the_lessons_that_the_design_gives_it():
    given = {name: [lesson for lesson, on in ON_TRIAL.items() if int(name[1:]) in on] for name in rules.claims()}
    assert {name: claim.lesson for name, claim in rules.claims().items()} == given


@pytest.mark.parametrize("claim", rules.claims().values(), ids=lambda claim: claim.id)
def test_each_claim_is_complete(claim):
    assert all(text.strip().endswith((".", "?")) for text in (claim.article, claim.asks, claim.flip, claim.limits))
    assert claim.decided in ("measured", "count", "cited", "opinion", "unmeasurable")
    if claim.decided in ("opinion", "unmeasurable"):
        assert not claim.rule and not claim.unit and claim.says is None
    elif claim.numeric:
        assert set(claim.rule) <= {"holds", "conditions"} and claim.unit
        assert all(low <= high for low, high in claim.rule.values())
    else:
        assert {"needs"} <= set(claim.rule) <= {"needs", "unless"} and not claim.unit and claim.says is None
        assert len(set(claim.checks)) == len(claim.checks) and all(len(name) <= 40 for name in claim.checks)


@pytest.mark.parametrize("claim", [claim for claim in WITH_RULE if claim.checks], ids=lambda claim: claim.id)
def test_asks_says_how_to_get_each_check(claim):
    explained = [name.removeprefix("...") for name in re.findall(r"`([^`]+)`:", claim.asks.replace("` / `", "`: `"))]
    for name in claim.checks:
        assert any(name.endswith(end) for end in explained), name


@pytest.mark.parametrize("claim", WITH_RULE, ids=lambda claim: claim.id)
def test_each_rule_can_come_out_in_two_ways_or_more(claim):
    if claim.numeric:
        edges = [edge for band in claim.rule.values() for edge in band if math.isfinite(edge)]
        tries = [*edges, min(edges) - 1, max(edges) + 1]
    else:
        tries = [
            dict(zip(claim.checks, found, strict=True))
            for found in itertools.product([True, False], repeat=len(claim.checks))
        ]
    verdicts = {rules.weigh(claim, evidence)[0] for evidence in tries}
    assert "does not hold" in verdicts
    assert verdicts & {"holds", "holds with conditions"}


@pytest.mark.parametrize("text", ["", "[C1]", "[C1]\narticle = 3\nstrange = 4", "C1 = 3", "not toml"])
def test_a_table_that_cannot_be_understood_is_one_sentence(monkeypatch, tmp_path, text):
    monkeypatch.setattr(rules, "ROOT", tmp_path)
    if text:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "claims.toml").write_text(text)
    with pytest.raises(LessonError, match="cannot be read as a table of claims"):
        rules.claims.__wrapped__()


# Rules on numbers


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        (3, "holds"),
        (10, "holds"),
        (estimate(5, 3, 10), "holds"),
        (numpy.float64(4.5), "holds"),
        (estimate(*numpy.array([5.0, 4.0, 6.0])), "holds"),
        (2.999, "does not hold"),
        (estimate(2, 1.5, 2.9), "does not hold"),
        (10.001, "holds with conditions"),
        (estimate(85, 60, 110), "holds with conditions"),
        (estimate(3, 2.9, 3.1), "inconclusive"),
        (estimate(10, 9, 11), "inconclusive"),
        (estimate(6, 2, 12), "inconclusive"),
        (estimate(5, 4, 6, conclusive=False), "inconclusive"),
        (estimate(5, 4, 6, conclusive=False, doubt=""), "holds"),  # wide, and narrow enough for the rule
        (estimate(5, 4, 6, conclusive=False, doubt="the client was the limit"), "inconclusive"),
        (estimate(5, 4, math.nan), "inconclusive"),
        (estimate(5, math.nan, 6), "inconclusive"),
        (estimate(2, 4, 6), "inconclusive"),  # an interval beside its own value
        (estimate(85, 60, math.inf), "holds with conditions"),
    ],
)
def test_a_number_gets_one_verdict_only_if_its_whole_interval_does(evidence, verdict):
    assert judge("C30", evidence).verdict == verdict


def test_a_band_inside_another_is_asked_first():
    assert [judge("C32", value).verdict for value in (1, 1.26, 2.01)] == [
        "holds",
        "holds with conditions",
        "does not hold",
    ]  # holds = [0.8, 1.25], conditions = [0.5, 2]
    assert judge("C32", estimate(1.8, 1.5, 2.5)).verdict == "inconclusive"


def test_a_rule_may_lack_a_band():
    words = {"article": "a", "lesson": ["00"], "decided": "count", "asks": "a", "flip": "f", "limits": "l"}
    assert rules.weigh(Claim("C0", **words, rule={"holds": [0, 0]}), 1)[0] == "does not hold"
    only = Claim("C0", **words, rule={"conditions": [1, math.inf]})
    assert [rules.weigh(only, value)[0] for value in (1, 0.5)] == ["holds with conditions", "does not hold"]


@pytest.mark.parametrize("evidence", ["fast", True, None, {}, [3, 10], math.nan, math.inf, numpy.array([1, 2])])
def test_a_numeric_claim_refuses_what_is_no_number(evidence):
    with pytest.raises(LessonError, match="C30 is decided by a number"):
        judge("C30", evidence)


# Rules on checks


def test_checks_make_the_three_verdicts():
    claim = rules.claims()["C14"]
    assert judge("C14", checks(claim)).verdict == "holds"
    assert judge("C14", checks(claim, but=["drops unknown fields"])).verdict == "holds with conditions"
    assert judge("C14", checks(claim, but=["refuses a bad path"])).verdict == "does not hold"
    assert judge("C14", dict.fromkeys(claim.checks, False)).verdict == "does not hold"


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        ((None, True, False), "inconclusive"),
        ((None, False, None), "does not hold"),  # whatever the open ones would have been
        ((None, True, True), "inconclusive"),
        ((True, True, None), "inconclusive"),
        ((True, True, True), "holds with conditions"),
    ],
)
def test_an_open_check_decides_only_what_it_cannot_change(found, verdict):
    claim = rules.claims()["C33"]
    judged = judge("C33", dict(zip(claim.checks, found, strict=True)))
    assert judged.verdict == verdict
    assert ledger().verdicts["C33"] == verdict
    assert f"{found.count(None)} left open" in judged.title if None in found else "open" not in judged.title
    assert (": open." in judged.summary()) == ("≈ open" in html(judged)) == (None in found)


def test_checks_take_numpy_booleans():
    claim = rules.claims()["C20"]
    assert judge("C20", {name: numpy.bool_(True) for name in claim.checks}).verdict == "holds"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"refuses a bad path": "yes"}, 'check "refuses a bad path" of C14 must be True or False'),
        ({"refuses a bad path": 1}, 'check "refuses a bad path" of C14 must be True or False'),
        ({"refuses a bad pathh": True}, 'C14 has no check "refuses a bad pathh"; did you mean "refuses a bad path"'),
        ({7: True}, 'C14 has no check "7"'),
    ],
)
def test_wrong_checks_are_named(change, sentence):
    with pytest.raises(LessonError, match=re.escape(sentence)):
        judge("C14", checks(rules.claims()["C14"]) | change)


@pytest.mark.parametrize("missing", rules.claims()["C14"].checks)
def test_a_missing_check_is_named(missing):
    evidence = checks(rules.claims()["C14"])
    del evidence[missing]
    with pytest.raises(LessonError, match=missing):
        judge("C14", evidence)


def test_checks_are_no_number():
    with pytest.raises(LessonError, match="C14 is decided by checks"):
        judge("C14", 3)


# Opinions, and what cannot be measured


@pytest.mark.parametrize("vote", ["agree", "disagree", "it depends", "  It  Depends "])
def test_an_opinion_keeps_the_vote(vote):
    judged = judge("C42", vote)
    assert judged.verdict == "opinion"
    assert judged.evidence == " ".join(vote.lower().split()) and judged.evidence in html(judged)


@pytest.mark.parametrize("vote", ["yes", 1, None, True, ["agree"]])
def test_an_opinion_refuses_other_votes(vote):
    with pytest.raises(LessonError, match='vote "agree", "disagree" or "it depends"'):
        judge("C42", vote)


def test_an_earlier_vote_is_shown():
    judge("C46", "agree")
    assert "Your votes before: agree" in judge("C46", "it depends").summary()


@pytest.mark.parametrize("evidence", [..., 3, {"a": True}, "agree"])
def test_what_cannot_be_measured_stays_so_whatever_is_given(evidence):
    judged = judge("C10", evidence)
    assert judged.verdict == ledger().verdicts["C10"] == "cannot be measured"
    assert rules.claims()["C10"].limits in judged.summary()


# Names and blanks


@pytest.mark.parametrize("name", ["C99", "C0", "c47"])
def test_a_claim_that_is_none_is_refused(name):
    for call in (predict, judge):
        with pytest.raises(LessonError, match=f"There is no claim {name.upper()}: the article makes 46"):
            call(name, 3)


@pytest.mark.parametrize("name", ["", "  ", 30, None, "x" * 81])
def test_a_name_is_a_short_text(name):
    for call in (predict, judge):
        with pytest.raises(LessonError, match="name must be"):
            call(name, 3)


def test_a_claims_name_may_be_written_small():
    predict(" c30 ", 3)
    assert judge("C30", 4).guess == 3


@pytest.mark.parametrize("evidence", [{"refuses a bad body": ...}, ...])
def test_dots_are_not_tried_yet_and_record_nothing(evidence, results):
    judged = judge("C14", evidence)
    assert judged.verdict == "not tried yet" and "not tried yet" in html(judged)
    assert ledger().verdicts["C14"] == "not tried yet" and not (results / "ledger.json").exists()


def test_dots_leave_an_earlier_verdict_alone():
    judge("C30", 5)
    judged = judge("C30", ...)
    assert judged.verdict == "not tried yet" and "“holds” from before" in judged.summary()
    assert ledger().verdicts["C30"] == "holds"


@pytest.mark.parametrize("guess", [(), (...,), (3, ...), ([..., 10],)])
def test_dots_are_not_guessed_yet_and_record_nothing(guess, results):
    drawn = predict("C30", *guess)
    assert "not guessed yet; put your number in place of ..." in drawn.summary() and drawn.value is None
    assert not (results / "ledger.json").exists()
    assert judge("C30", 5).guess is None


# Guesses


@pytest.mark.parametrize(
    ("guess", "value"),
    [
        ((3, 10), [3, 10]),
        ((10, 3), [3, 10]),
        (([3, 10],), [3, 10]),
        ((5,), 5),
        ((numpy.int64(5),), 5),
        ((True,), True),
        (("  twice as fast ",), "twice as fast"),
    ],
)
def test_a_guess_is_kept_and_met_again_at_the_verdict(guess, value):
    assert predict("C30", *guess).value == value
    judged = judge("C30", 5)
    assert judged.guess == value and type(judged.guess) is type(value)
    assert drawing.in_words(value) in judged.summary()


@pytest.mark.parametrize("guess", [(1, 2, 3), (None,), (math.nan,), ("",), (3, True), ({},), (10**400,), ("x" * 201,)])
def test_other_guesses_are_refused(guess):
    with pytest.raises(LessonError, match='guess for "C30" is'):
        predict("C30", *guess)


def test_a_guess_changed_before_the_verdict_is_an_honest_guess():
    predict("C30", 3)
    assert not predict("C30", 5).late
    assert "after the verdict" not in judge("C30", 4).summary()


def test_a_guess_changed_after_the_verdict_is_marked_and_the_first_one_kept(results):
    predict("C30", 3, 10)
    judge("C30", 2)
    assert not predict("C30", 3, 10).late  # the cell run again, nothing changed
    assert predict("C30", 2).late
    words = "changed after the verdict; your first guess was 3 to 10"
    assert words in predict("C30", 2).summary() and words in judge("C30", 2).summary()
    assert [guess["value"] for guess in kept(results)["C30"]["guesses"]] == [[3, 10], 2]


def test_a_first_guess_after_the_verdict_is_marked():
    judge("C30", 2)
    assert "made after the verdict" in predict("C30", 2).summary()


def test_an_earlier_guess_survives_a_cell_that_is_blank_again():
    predict("C30", 7)
    assert "your earlier guess, 7, is kept" in predict("C30", ...).summary()
    assert judge("C30", 5).guess == 7


@pytest.mark.parametrize(
    ("guess", "words"),
    [((50,), "too low by a factor of 20"), ((4000,), "too high by a factor of 4"), ((900, 1100), "agrees")],
)
def test_a_guess_is_compared_with_the_measurement(guess, words):
    predict("last answer (ms)", *guess)
    judged = judge("last answer (ms)", 1000)
    assert words in judged.summary() and judged.verdict is None and judged.claim is None


@pytest.mark.parametrize("evidence", [True, "422", numpy.float32(2.5)])
def test_a_free_name_takes_a_number_a_bool_or_a_text(evidence):
    predict("a name of my own", "something else")
    assert "something else" in html(judge("a name of my own", evidence))


def test_a_free_name_refuses_other_evidence_and_takes_dots():
    with pytest.raises(LessonError, match='For "mine" give a number'):
        judge("mine", {"a": True})
    assert "not tried yet" in judge("mine").summary()


# Where results are kept


def test_a_record_says_what_when_and_on_what_machine(results):
    predict("C30", 4)
    judge("C30", estimate(5, 4, math.inf, conclusive=False))
    entry = kept(results)["C30"]
    assert entry["verdicts"][0]["evidence"] == {"value": 5, "low": 4, "high": None, "conclusive": False}
    for record in (entry["guesses"][0], entry["verdicts"][0]):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", record["when"])
        assert record["machine"]["cores"] >= 1 and {"python", "fastapi", "flask"} <= set(record["machine"])


def test_the_latest_verdict_counts_and_the_earlier_ones_are_history(results):
    claim = rules.claims()["C3"]
    judge("C3", checks(claim))
    judge("C3", checks(claim, but=["runs async def views"]))
    assert ledger().verdicts["C3"] == "holds with conditions"
    assert [record["verdict"] for record in kept(results)["C3"]["verdicts"]] == ["holds", "holds with conditions"]


def test_the_history_is_bounded_and_keeps_its_first_record(results):
    for value in range(entries.HISTORY + 5):
        predict("mine", value)
    values = [guess["value"] for guess in kept(results)["mine"]["guesses"]]
    assert len(values) == entries.HISTORY and values[0] == 0 and values[-1] == entries.HISTORY + 4


def test_two_kernels_writing_at_once_lose_nothing(results):
    code = "import sys; from helpers import predict\nfor i in range(50): predict(f'{sys.argv[1]} {i}', i)"
    kernels = [subprocess.Popen([sys.executable, "-c", code, name]) for name in ("left", "right")]
    try:
        assert [kernel.wait(timeout=60) for kernel in kernels] == [0, 0]
    finally:
        for kernel in kernels:
            kernel.kill()
    assert set(kept(results)) == {f"{name} {i}" for name in ("left", "right") for i in range(50)}


DAMAGED = [
    b"",
    b"{",
    b"\xff\xfe\x00",
    b"[]",
    b"null",
    b'{"entries": []}',
    b'{"entries": {"C30": 5}}',
    b'{"entries": {"C30": {"guesses": ["value"], "verdicts": []}}}',
    b'{"entries": {"C30": {"guesses": [{}], "verdicts": []}}}',
    b'{"entries": {"C30": {"guesses": [], "verdicts": [{"verdict": "surely", "found": ""}]}}}',
    b'{"entries": {"C30": {"guesses": [], "verdicts": [{"verdict": []}]}}}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("content", DAMAGED, ids=range(len(DAMAGED)))
@pytest.mark.parametrize("first", [ledger, lambda: predict("C30", 3), lambda: judge("C30", 3)])
def test_a_damaged_file_is_set_aside_with_one_sentence(results, content, first):
    results.mkdir()
    (results / "ledger.json").write_bytes(content)
    drawn = first()
    (aside,) = results.glob("ledger.damaged-*.json")
    assert aside.read_bytes() == content
    assert len(drawn.notices) == 1 and aside.name in html(drawn) and aside.name in drawn.summary()
    assert not ledger().notices  # said once
    assert judge("C30", 5).verdict == ledger().verdicts["C30"] == "holds"


def test_a_missing_file_is_an_empty_ledger(results):
    drawn = ledger()
    assert list(drawn.verdicts) == list(rules.claims()) and set(drawn.verdicts.values()) == {"not tried yet"}
    assert not drawn.notices


def test_a_folder_that_cannot_be_written_gives_way_to_the_cache_with_one_sentence(results, tmp_path):
    results.write_text("a file where the folder should be")
    first = judge("C30", 5)
    assert len(first.notices) == 1 and "cannot be written, so your results are kept in" in html(first)
    assert not judge("C32", 1).notices
    assert ledger().verdicts["C30"] == "holds" and ledger().verdicts["C32"] == "holds"
    (file,) = (tmp_path / "cache").rglob("ledger.json")
    assert set(json.loads(file.read_text())["entries"]) == {"C30", "C32"}


def test_what_went_to_the_cache_comes_back_once_the_folder_can_be_written(results, tmp_path):
    def kernel():
        return store.Store(results, tmp_path / "cache")

    kernel().add("C30", guess={"value": 5, **entries.stamp()})
    aside = results.rename(tmp_path / "aside")
    results.write_text("a file where the folder should be")
    kernel().add("C30", guess={"value": 6, **entries.stamp()})
    kernel().add("C32", guess={"value": 1, **entries.stamp()})
    results.unlink()
    aside.rename(results)
    found = kernel().read()
    assert {name: [guess["value"] for guess in entry["guesses"]] for name, entry in found.items()} == {
        "C30": [5, 6],
        "C32": [1],
    }
    assert kept(results) == found
    assert not list((tmp_path / "cache").rglob("ledger.json"))


def test_a_kernel_of_another_checkout_says_so_and_keeps_its_results_there(monkeypatch, tmp_path):
    (tmp_path / "clone" / "helpers").mkdir(parents=True)
    (tmp_path / "clone" / "helpers" / "__init__.py").touch()
    (tmp_path / "clone" / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "clone" / "notebooks")
    monkeypatch.delenv("LESSON_RESULTS")
    told = predict("C30", 5)
    assert f"belongs to {tmp_path / 'clone'}, and helpers comes from {ROOT}" in told.summary()
    assert set(kept(tmp_path / "clone" / "results")) == {"C30"}


def test_a_folder_that_becomes_read_only_is_still_read(monkeypatch, results):
    judge("C30", 5)
    write = store.write

    def refuse(file, entries):
        if file.parent == results:
            raise PermissionError(30, "read-only file system")
        write(file, entries)

    monkeypatch.setattr(store, "write", refuse)
    assert len(judge("C32", 1).notices) == 1
    assert ledger().verdicts["C30"] == ledger().verdicts["C32"] == "holds"


def test_where_nothing_can_be_written_memory_serves_and_says_so(results, tmp_path):
    results.write_text("")
    (tmp_path / "cache").write_text("")
    drawn = predict("C30", 4)
    assert len(drawn.notices) == 1 and "in memory, until this kernel stops" in drawn.summary()
    judged = judge("C30", 5)
    assert judged.guess == 4 and not judged.notices
    assert ledger().verdicts["C30"] == "holds" and "memory of this kernel" in html(ledger())


def test_a_result_waits_in_memory_while_another_kernel_holds_the_file(monkeypatch, results):
    judge("C32", 1)
    monkeypatch.setattr(store, "PATIENCE", 0.05)
    with FileLock(results / "ledger.lock"):
        judged = judge("C30", 5)
        assert len(judged.notices) == 1 and "stay in memory for now" in judged.summary()
        assert ledger().verdicts["C30"] == ledger().verdicts["C32"] == "holds"
        assert "C30" not in kept(results)
    judge("C17", 4)
    assert set(kept(results)) == {"C30", "C32", "C17"}


def test_a_write_that_breaks_off_leaves_the_old_file(monkeypatch, results):
    judge("C30", 5)
    before = (results / "ledger.json").read_bytes()
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        judge("C30", 1)
    assert (results / "ledger.json").read_bytes() == before
    assert not list(results.glob("*.new"))


def test_without_the_environment_variable_results_stand_beside_the_notebooks(monkeypatch):
    monkeypatch.delenv("LESSON_RESULTS")
    assert store.open_store().folders[0] == ROOT / "results"
    assert (ROOT / "notebooks").is_dir()


# How it looks


def test_importing_is_cheap():
    code = "import sys, helpers.claims; print(*{'matplotlib', 'filelock', 'numpy', 'IPython'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.strip() == ""


def test_a_number_is_drawn_with_guess_article_and_measurement():
    predict("C30", 2, 4)
    judged = judge("C30", estimate(2.1, 1.9, 2.3))
    shown = html(judged)
    alt = re.search(r'aria-label="([^"]+)"', shown)[1]
    for words in ("the article 3 to 10", "your guess 2 to 4", "measured here 2.1 (1.9 to 2.3)"):
        assert words in alt
    assert "below the article's 3 to 10" in judged.title and "✗ does not hold" in shown
    assert judged.claim.flip in judged.summary() and judged.claim.limits in judged.summary()


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        (estimate(5, 4, 6), "C30 holds here: 5 (4 to 6) times Flask's throughput, inside the article's 3 to 10"),
        (estimate(3, 2, 4), "C30 is inconclusive here: 3 (2 to 4) times Flask's throughput, reaching across an edge"),
        (85, "C30 holds with conditions here: 85 times Flask's throughput, above the article's 3 to 10"),
    ],
)
def test_the_title_states_the_finding(evidence, words):
    assert judge("C30", evidence).title.startswith(words)


def test_checks_are_drawn_as_a_table_with_marks():
    claim = rules.claims()["C14"]
    shown = html(judge("C14", checks(claim, but=["refuses a bad path", "drops unknown fields"])))
    assert "2 of 3 needs met, 1 of 3 limits found" in shown
    assert re.search(r"refuses a bad path</th><td>must be so</td><td>✗ no", shown)
    assert re.search(r"drops unknown fields</th><td>would limit it</td><td>◐ yes", shown)
    assert re.search(r"takes true for a number</th><td>would limit it</td><td>✓ no", shown)


@pytest.mark.parametrize("says", [None, 0, 5, 1e-6, -40, [10, math.inf], [-math.inf, 2], 2010])
@pytest.mark.parametrize("guess", [None, [0, 900], 3e7])
@pytest.mark.parametrize("measured", [Number(5, 5, 5), Number(0, 0, 0), Number(85, 2, math.inf)])
def test_no_label_meets_another_or_leaves_the_picture(monkeypatch, says, guess, measured):
    figures = []
    monkeypatch.setattr(Canvas, "picture", lambda canvas, *_: figures.append(canvas.figure))
    title = "C30 is inconclusive here: 1,234,567 (1,000,000 to 2,000,000) times throughput, reaching across an edge"
    drawing.number_line(title, "times", measured, guess, says, rule={"holds": [3, 10], "conditions": [10, 12]})
    (figure,) = figures
    figure.draw_without_rendering()
    axes = figure.axes[0]
    low, high = axes.get_xlim()
    shown = [tick.label1 for tick in axes.xaxis.get_major_ticks() if low <= tick.get_loc() <= high]
    texts = [*shown, *(tick.label1 for tick in axes.yaxis.get_major_ticks()), *axes.texts, axes.xaxis.label]
    boxes = [text.get_window_extent() for text in [*texts, *figure.texts] if text.get_text()]
    assert all(not one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    assert all(text.get_window_extent().x0 > axes.bbox.x1 for text in axes.texts)  # beside the marks, not on them
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1 for box in boxes)


def test_every_verdict_has_a_mark_of_its_own():
    assert set(drawing.MARKS) == set(rules.VERDICTS) and len(set(drawing.MARKS.values())) == len(rules.VERDICTS)


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0"), (2010, "2010"), (19000, "19,000"), (1019.4, "1019"), (2.125, "2.12"), (1e20, "1e+20"), (-3, "-3")],
)
def test_numbers_are_written_as_people_write_them(number, words):
    assert drawing.digits(number) == words


def test_the_ledger_counts_and_lists_by_lesson():
    predict("C30", 4)
    judge("C30", 5)
    judge("C42", "agree")
    judge("C10")
    drawn = ledger()
    counts = "46 claims on trial: holds 1, opinion 1, cannot be measured 1, not tried yet 43."
    assert drawn.summary().startswith(counts) and counts in html(drawn)
    row = re.search(r"<tr><th[^>]*>07.*?</tr>", html(drawn), re.DOTALL)[0]
    assert re.search(r">✓ C30<", row) and re.search(r"○ C32 C33<", row)
    assert "5 times Flask&#39;s throughput" in html(drawn)  # what was found, in the folded part
    assert html(drawn).count("<details>") == 13 + 1  # a fold a lesson, and one around those not begun


def test_what_a_learner_types_is_escaped():
    name, guess = "<b>bold</b> & (<i>ms</i>)", "<script>alert(1)</script>"
    for drawn in (predict(name, guess), judge(name, "<img src=x>"), judge(name, 3), predict("C14", guess)):
        shown = html(drawn)
        assert not re.search(r"<b>bold|<i>ms|<script|<img", shown)
    assert "<script" not in html(ledger())


def test_a_free_name_without_a_guess_needs_no_number_line():
    assert judge("loops in Flask", 3).picture() is None
    predict("loops in Flask", 1)
    assert "your guess 1" in judge("loops in Flask", 3).picture().alt
    assert "put your guess in place" in predict("same bytes", ...).summary()


def test_a_cell_shows_all_its_guesses_and_none_of_another_cell():
    shell = InteractiveShell.instance()
    try:
        shell.run_cell("from helpers import predict", store_history=True)
        shell.run_cell('predict("C34", True)', store_history=True)
        shown = shell.run_cell(
            'predict("C34", "holds")\npredict("highest", 3)\npredict("C35", ...)', store_history=True
        )
        first, second, third = shown.result.summary().splitlines()
        assert first == "C34: you guess holds."
        assert second == "highest: you guess 3."
        assert third.startswith("C35: not guessed yet")
        assert html(shown.result).count('class="note"') == 3
        again = shell.run_cell('predict("C35", ...)', store_history=True)
        assert again.result.summary().startswith("C35")
    finally:
        InteractiveShell.clear_instance()
    assert predict("C34", "holds").summary() == "C34: you guess holds."


def test_guesses_in_words_are_judged_too():
    predict("JSON for a 404", "FastAPI ")
    assert "You guessed FastAPI: right." in judge("JSON for a 404", "fastapi").summary()
    assert "not so" in judge("JSON for a 404", "both").summary()
    predict("same bytes", True)
    assert "not so" in judge("same bytes", False).summary()
    predict("same bytes", "no")
    assert "right" in judge("same bytes", False).summary()
    predict("up (ms)", "100ms")
    assert "cannot be compared with a number" in judge("up (ms)", 76.1).summary()


def test_who_was_not_asked_for_a_guess_is_not_told_that_there_is_none():
    tie = judge("C40", 1.0).summary()
    assert "You made no guess" not in tie
    predict("C40", ...)
    assert "You made no guess" in judge("C40", 1.0).summary()


def test_what_lies_within_the_conditions_is_compared_with_them_and_they_are_drawn():
    tie = judge("C40", 1.0)
    assert tie.verdict == "holds with conditions"
    assert "inside the conditions' 0.9 to 1.1" in tie.title
    assert "with conditions within 0.9 to 1.1" in tie.body()


@pytest.mark.parametrize("found", [Number(0.948, 0, math.inf), Number(5.0, 2.0, 9.0, conclusive=False)])
def test_an_interval_that_agrees_with_everything_agrees_with_no_guess(found):
    predict("C30", 3, 10)
    said = judge("C30", found)
    assert said.verdict == "inconclusive"
    assert "the measurement does not tell" in said.summary()
    assert "agrees" not in said.summary()


def test_a_check_that_stays_open_says_why():
    found = {"awaited waits overlap": Open("600 ms, of which this busy computer may have added 500")}
    card = judge("C24", found | {"blocking waits stand in line": True})
    assert card.verdict == "inconclusive"
    assert card.evidence["awaited waits overlap"] is None
    assert '<th scope="row">awaited waits overlap</th>' in card.body()
    for said in (card.summary(), card.body()):
        assert "open: 600 ms, of which this busy computer may have added 500" in said


def test_a_busy_computer_leaves_open_what_it_may_have_decided():
    quiet, busy, hopeless = Timed(60, 20), Timed(600, 300), Timed(600, 500)
    assert quiet.at_most(250) is True
    assert quiet.at_least(750) is False
    assert busy.at_most(250) is False
    assert Timed(1200, 300).at_least(750) is True
    for left_open in (hopeless.at_most(250), Timed(900, 300).at_least(750)):
        assert isinstance(left_open, Open)
        assert not left_open
        assert "this busy computer may have added" in left_open.why


def test_start_again_makes_a_guess_count_and_loses_nothing(results):
    predict("C24", True)
    judge("C24", dict.fromkeys(rules.claims()["C24"].checks, True))
    predict("last answer from /block (ms)", 60)
    judge("last answer from /block (ms)", 1020)
    predict("C1", True)
    assert predict("C24", False).late
    assert "what you had under 2 names is set aside" in start_again("05").summary()
    assert ledger().verdicts.get("C24", "not tried yet") == "not tried yet"
    assert not predict("C24", False).late
    assert predict("C1", True).value is True
    entries = kept(results)
    assert [guess["value"] for guess in entries["C24"]["before"][0]["guesses"]] == [True, False]
    assert entries["C24"]["before"][0]["verdicts"]
    assert "no guess or verdict yet" in start_again("08").summary()
    with pytest.raises(LessonError, match="two digits"):
        start_again(5)


def test_recall_asks_again_what_was_off_in_other_lessons():
    assert recall("06") is None, "without a ledger it is silent"
    predict("last answer from /block (ms)", 60)
    judge("last answer from /block (ms)", 1020)
    predict("same bytes", True)
    judge("same bytes", False)
    predict("JSON for a 404", "fastapi")
    judge("JSON for a 404", "fastapi")  # right
    predict("C24", "holds")
    judge("C24", dict.fromkeys(rules.claims()["C24"].checks, True))  # on trial in 06 itself
    judge("C1", dict.fromkeys(rules.claims()["C1"].checks, True))
    predict("C1", "does not hold")  # made after the look
    shown = recall("06")
    assert {about for about, *_ in shown.guesses} == {"last answer from /block (ms)", "same bytes"}
    assert "last answer from /block (ms): you guessed 60; found: 1020." in shown.summary()
    assert "<details><summary>same bytes: you guessed yes. What was found, and why?</summary>" in shown.body()
    assert [about for about, *_ in recall("05").guesses] == ["same bytes"]
    with pytest.raises(LessonError, match="two digits"):
        recall(6)


def test_a_guess_without_its_quotes_says_so():
    with pytest.raises(LessonError, match='A text stands in quotes: "fastapi"'):
        predict("JSON for a 404", SimpleNamespace(name="fastapi"))


def test_a_guess_that_was_changed_back_says_so():
    for guess in (True, False):
        predict("C26", guess)
    judge("C26", dict.fromkeys(rules.claims()["C26"].checks, True))
    assert "changed, and changed back after the verdict" in predict("C26", True).summary()


def test_checks_without_a_guess_do_not_complain():
    assert "You made no guess" not in judge("C20", dict.fromkeys(rules.claims()["C20"].rule["needs"], True)).summary()


def test_the_ledger_shows_what_is_begun_and_folds_the_rest():
    judge("C20", dict.fromkeys(rules.claims()["C20"].rule["needs"], True))
    body = ledger().body()
    assert "12 lessons not begun" in body
    assert "inconclusive</th>" not in body and "✓ C20" in body


def test_what_a_card_quotes_is_code():
    found = dict.fromkeys([*rules.claims()["C15"].rule["needs"], *rules.claims()["C15"].rule["unless"]], True)
    assert "leaves out <code>input</code>," in html(judge("C15", found))

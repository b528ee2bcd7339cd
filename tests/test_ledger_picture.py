"""The ledger as one picture, how often the guesses were right, and this ledger beside the recorded one."""

import itertools
import json
import re
from types import SimpleNamespace

import pytest

from helpers import export, judge, ledger, predict, recall
from helpers.claims import board, picture, record, recorded, rules
from helpers.claims.board import Ledger
from helpers.claims.recorded import FORMAT
from helpers.claims.scoring import KINDS
from helpers.errors import LessonError
from helpers.plots import Canvas

pytestmark = pytest.mark.together


@pytest.fixture(autouse=True)
def results(tmp_path, monkeypatch):
    monkeypatch.setenv("LESSON_RESULTS", str(tmp_path / "results"))
    for variable in ("XDG_CACHE_HOME", "HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path / "cache"))
    return tmp_path / "results"


def between(low, high, conclusive=True):
    return SimpleNamespace(value=(low + high) / 2, low=low, high=high, conclusive=conclusive)


def checks(name, *, but=()):
    """Evidence under which the claim holds, with the checks in `but` the other way round."""
    claim = rules.claims()[name]
    return {check: (check in claim.rule["needs"]) != (check in but) for check in claim.checks}


def need(name):
    return rules.claims()[name].rule["needs"][0]


def html(drawn):
    bundle = drawn._repr_mimebundle_()
    assert bundle["text/plain"] == drawn.summary() == repr(drawn)
    return bundle["text/html"]


def everything():
    """A guess and two results for each claim that can have them."""
    for name, claim in rules.claims().items():
        if claim.decided == "opinion":
            judge(name, "agree")
            judge(name, "it depends")
        elif claim.decided == "unmeasurable":
            judge(name)
        elif claim.numeric:
            predict(name, 1, 20)
            judge(name, 5)
            judge(name, next(iter(claim.rule.values()))[0])
        else:
            predict(name, "holds")
            judge(name, checks(name, but=[need(name)]))
            judge(name, checks(name))


# The picture


def test_all_claims_are_in_the_picture_by_lesson_tried_or_not():
    shown = ledger().picture()
    said = [re.match(r"\d\d", line)[0] for line in shown.lines]
    assert said == [f"{number:02}" for number in range(13)]
    named = re.findall(r"\b(C\d+) not tried yet", shown.summary())
    assert sorted(named) == sorted(rules.claims())
    assert shown.alt.startswith("46 claims on trial, none of them tried yet.")
    assert f'aria-label="{shown.alt}"' in html(shown)


def test_a_cell_says_verdict_guess_and_turn():
    predict("C30", 3, 10)
    judge("C30", 5)
    predict("C24", "holds")
    judge("C24", checks("C24", but=[need("C24")]))
    judge("C14", checks("C14"))
    judge("C14", checks("C14", but=[need("C14")]))
    predict("C32", 1)
    said = ledger().picture().summary()
    assert "2 of 46" not in said and said.startswith("3 of 46 claims tried, 1 of 2 guesses right, 1 turned over.")
    for cell in (
        "C30 holds with conditions, guess right;",
        "C24 does not hold, guess not right;",
        "C14 does not hold, turned over;",
        "C32 not tried yet, guess not compared;",
        "C33 not tried yet.",
    ):
        assert cell in said


def test_marks_and_colours_say_the_same(monkeypatch):
    figures = []
    monkeypatch.setattr(picture.LedgerPicture, "__init__", lambda self, *_: None)
    monkeypatch.setattr(Canvas, "picture", lambda canvas, *_: figures.append(canvas.figure))
    judge("C1", checks("C1"))
    judge("C20", checks("C20", but=[need("C20")]))
    ledger().picture()
    axes = figures[0].axes[0]
    texts = {(round(text.get_position()[0], 2), text.get_position()[1]): text.get_text() for text in axes.texts}
    seen = {}
    for tile in axes.patches:
        x, row = tile.get_x(), tile.get_y() + tile.get_height() / 2
        if (name := texts.get((round(x + 0.29, 2), row))) in rules.claims():
            seen[name] = texts[round(x + 0.15, 2), row], tile.get_edgecolor(), tile.get_linestyle()
    assert set(seen) == set(rules.claims())
    assert [seen[name][0] for name in ("C1", "C20", "C30")] == ["✓", "✗", "○"]
    assert len({seen[name][1:] for name in ("C1", "C20", "C30")}) == 3


@pytest.mark.parametrize("fill", [lambda: None, everything], ids=["empty", "full"])
def test_no_text_meets_another_or_leaves_the_picture(monkeypatch, fill):
    figures = []
    monkeypatch.setattr(picture.LedgerPicture, "__init__", lambda self, *_: None)
    monkeypatch.setattr(Canvas, "picture", lambda canvas, *_: figures.append(canvas.figure))
    titles = dict.fromkeys(["00"], "00 " + "a" * 23)
    monkeypatch.setattr(board, "_title", lambda lesson: titles.get(lesson, "03 docs that write themselves"))
    fill()
    ledger().picture()
    figure = figures[0]
    figure.draw_without_rendering()
    axes = figure.axes[0]
    marks = [line for line in axes.lines if line.get_marker() in ("v", "_")]
    boxes = [text.get_window_extent() for text in [*axes.texts, *figure.texts]]
    boxes += [line.get_window_extent() for line in marks]
    for box in boxes:
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1
    for one, other in itertools.combinations(boxes, 2):
        apart = one.x1 <= other.x0 or other.x1 <= one.x0 or one.y1 <= other.y0 or other.y1 <= one.y0
        assert apart, (one, other)


def test_a_picture_fits_a_small_laptop():
    everything()
    width, height = (
        float(size) for size in re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', ledger().picture().svg).groups()
    )
    assert width * 4 / 3 <= 62 * 16 and height * 4 / 3 <= 600


# What is right, and what was turned over


def verdict_and_guess(name):
    line = next(line for line in ledger().picture().lines if f"{name} " in line)
    return re.search(rf"\b{name} ([^;.]*)[;.]", line)[1]


@pytest.mark.parametrize(
    ("guess", "found", "said"),
    [
        ((3, 10), between(9, 12), "guess right"),
        ((3, 10), between(10.1, 12), "guess not right"),
        ((5,), between(5, 5), "guess right"),
        ((3, 10), between(9, 12, conclusive=False), "guess not compared"),
        ((3, 10), SimpleNamespace(value=0.948, low=0, high=float("inf")), "guess not compared"),
        ((3, 10), SimpleNamespace(value=12, low=11, high=float("inf")), "guess not right"),
        (("holds with conditions",), 5, "guess right"),
        (("holds",), 5, "guess not right"),
        (("a lot",), 5, "guess not compared"),
        (("holds",), between(2, 4), "guess not compared"),  # inconclusive
        (("does not hold",), between(2, 4), "guess not compared"),
        ((3, 10), between(2, 4), "guess right"),  # as the card says
        ((True,), 5, "guess not compared"),
    ],
)
def test_a_guess_is_right_when_the_card_says_so(guess, found, said):
    predict("C30", *guess)
    card = judge("C30", found).summary()
    assert verdict_and_guess("C30").split(", ")[1] == said
    agrees = {"guess right": "the measurement agrees", "guess not right": ": too "}.get(said)
    if agrees and not isinstance(guess[0], str):
        assert agrees in card
    elif said == "guess not compared":
        assert "agrees" not in card


def test_the_first_guess_counts_and_a_late_one_does_not():
    predict("C30", 1)
    predict("C30", 5)
    judge("C30", 5)
    predict("C32", 1)
    judge("C32", 1)
    predict("C32", 2)
    judge("C24", checks("C24"))
    predict("C24", "holds")
    right = ledger().right()
    assert right.rows["measured"].right == ["C32"] and right.rows["measured"].wrong == ["C30"]
    assert (right.right, right.told) == (1, 2)
    assert "guess" not in verdict_and_guess("C24")


@pytest.mark.parametrize(
    ("found", "turned"),
    [
        ([5], False),
        ([5, 5], False),
        ([5, 1], True),
        ([5, 1, 5], True),
        ([5, between(2, 4)], False),
        ([between(2, 4), 5, between(2, 4)], False),
    ],
)
def test_only_two_verdicts_that_decide_are_a_turn(found, turned):
    for evidence in found:
        judge("C30", evidence)
    assert ("turned over" in verdict_and_guess("C30")) == turned


def test_two_votes_are_a_turn():
    judge("C46", "agree")
    assert "turned over" not in verdict_and_guess("C46")
    judge("C46", "it depends")
    assert verdict_and_guess("C46") == "opinion, turned over"


# How often


def test_without_a_guess_there_is_a_sentence():
    right = ledger().right()
    assert right.title == "No guess of yours can be compared with a result yet"
    assert "in place of the dots" in right.summary() and "in place of the dots" in html(right)
    assert not right.least and (right.right, right.told) == (0, 0)
    predict("C30", 3)
    assert "1 not decided" in ledger().right().summary()


def test_guesses_are_counted_by_kind_and_the_weakest_kind_is_named():
    predict("C30", 3, 10)
    judge("C30", 5)  # measured, right
    for name, guess in {"C14": "holds", "C15": "does not hold", "C16": "holds with conditions"}.items():
        predict(name, guess)  # counted, one of three right
        judge(name, checks(name))
    predict("C2", 2010)
    judge("C2", 2010)  # cited, right
    predict("last answer (ms)", 50)
    judge("last answer (ms)", 50)
    predict("same bytes", "yes")
    judge("same bytes", True)
    right = ledger().right()
    assert {kind: (len(row.right), len(row.wrong), len(row.open)) for kind, row in right.rows.items()} == {
        "measured": (1, 0, 0),
        "count": (1, 2, 0),
        "cited": (1, 0, 0),
        "number": (1, 0, 0),
        "word": (1, 0, 0),
    }
    assert right.least == ["count"]
    assert right.title == "You guessed right at 3 of 5 claims; least often at claims counted or checked (1 of 3)"
    assert f"{KINDS['count']}: 1 right, 2 not." in right.summary()
    assert "C15, FastAPI tells the sender in detail what was wrong.: you guessed does not hold" in right.summary()
    assert "2 guesses that came out otherwise" in html(right)


def test_no_kind_is_the_weakest_where_all_are_alike():
    predict("C30", 3, 10)
    judge("C30", 5)
    assert ledger().right().title == "You guessed right at 1 of 1 claim"
    predict("C2", 2010)
    judge("C2", 2010)
    assert not ledger().right().least
    predict("same bytes", True)
    judge("same bytes", False)
    assert ledger().right().least == ["word"]


def test_an_opinion_and_what_nothing_can_measure_are_no_guesses():
    predict("C46", "agree")
    judge("C46", "agree")
    predict("C10", "holds")
    judge("C10")
    assert not any(any(row) for row in ledger().right().rows.values())


def test_what_a_learner_types_is_escaped():
    predict("<b>mine</b>", "<script>")
    judge("<b>mine</b>", "<img src=x>")
    shown = html(ledger().right())
    assert "1 guess that came out otherwise" in shown
    assert not re.search(r"<b>mine|<script|<img", shown)


def test_recall_and_the_score_agree_about_what_was_off():
    predict("same bytes", True)
    judge("same bytes", False)
    predict("C15", "holds")
    judge("C15", checks("C15"))
    assert [name for name, *_ in recall("12").guesses] == ledger().right().rows["word"].wrong == ["same bytes"]


def test_a_notice_is_not_lost_when_only_a_part_is_shown(results):
    for part in ("picture", "right", "beside"):
        results.mkdir(exist_ok=True)
        (results / "ledger.json").write_text("{")
        drawn = getattr(ledger(), part)()
        assert "The results file was damaged" in drawn.summary() and "was damaged" in html(drawn)


# Beside the recorded ledger


@pytest.fixture
def there(tmp_path, monkeypatch):
    """Records what the ledger has now, as a machine that differs in what is given, and begins the ledger anew."""
    file = tmp_path / "recorded" / "ledger.json"
    monkeypatch.setattr(board, "recorded", lambda: recorded.recorded(file))

    def keep(**machine):
        told = record("two cores, quiet", file)
        data = json.loads(file.read_text("utf-8"))
        data["machine"] |= machine
        file.write_text(json.dumps(data), "utf-8")
        (tmp_path / "results" / "ledger.json").unlink()
        return told

    keep.file = file
    return keep


def test_without_a_recorded_ledger_there_is_one_kind_sentence(there):
    judge("C30", 5)
    said = ledger().beside().summary()
    assert said == "This copy has no recorded ledger (data/recorded/ledger.json); your own is complete without it."
    assert said in html(ledger().beside())


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": 3}', '{"format": "x", "version": 1, "name": 1}'])
def test_a_recorded_ledger_that_cannot_be_read_is_one_sentence(there, text):
    there.file.parent.mkdir()
    there.file.write_text(text)
    assert "restore it with git" in ledger().beside().summary()


def test_a_recorded_ledger_of_another_version_is_one_sentence(there):
    judge("C30", 5)
    there()
    data = json.loads(there.file.read_text("utf-8"))
    there.file.write_text(json.dumps(data | {"version": 2}))
    assert "another version" in ledger().beside().summary()


def test_what_came_out_differently_comes_first_with_both_findings(there):
    judge("C30", between(4, 6))
    judge("C14", checks("C14"))
    judge("C20", checks("C20"))
    judge("C36", checks("C36"))
    there()
    judge("C30", between(1, 2))
    judge("C14", checks("C14", but=[need("C14")]))
    judge("C20", checks("C20"))
    judge("C1", checks("C1"))
    beside = ledger().beside()
    assert (beside.different, beside.same, beside.alone) == (["C14", "C30"], ["C20"], ["C1", "C36"])
    assert beside.title == "Of 3 claims tried here and on “two cores, quiet”, 2 came out differently: C14 and C30"
    assert (
        "C30: here ✗ does not hold: 1.5 (1 to 2) times Flask's throughput; there ◐ holds with conditions"
        in beside.summary()
    )
    assert f"C14: here ✗ does not hold: {need('C14')}: no; there ✓ holds: {need('C14')}: yes." in beside.summary()
    assert "The same on both: C20." in beside.summary()
    assert "Not tried here yet: C36." in beside.summary() and "Tried here and not there: C1." in beside.summary()
    shown = html(beside)
    assert shown.index("C14 In FastAPI") < shown.index("1 that came out the same") < shown.rindex("C20 ")


def test_both_machines_are_shown_with_what_differs(there):
    judge("C30", 5)
    there(cores=16, fastapi="0.99")
    judge("C30", 5)
    beside = ledger().beside()
    assert "cores: " in beside.summary() and "16 there" in beside.summary() and "0.99 there" in beside.summary()
    assert "≠ cores" in html(beside) and "≠ fastapi" in html(beside) and "≠ flask" not in html(beside)
    assert "came out differently" in beside.title and "none came out" in beside.title


@pytest.mark.parametrize(
    ("name", "theirs", "mine", "words"),
    [
        ("C30", [5], [between(2, 4)], "Nothing was decided here: a busy machine"),
        ("C30", [between(2, 4)], [5], "Nothing was decided there"),
        ("C30", [5], [5, 1], "is the flip still in?"),
        ("C30", [5, 1], [5], "There it has come out in two ways"),
        ("C30", [between(2.5, 2.9)], [between(2.8, 3.2)], "The two intervals overlap"),
        ("C30", [5], [1], "The machines differ in cores and fastapi."),
        ("C20", [True], [False], "The machines differ in fastapi."),
        ("C8", [True], [False], "Nothing in the two records explains it"),
    ],
)
def test_each_difference_is_explained_as_far_as_the_records_can(there, name, theirs, mine, words):
    def found(evidence):
        return checks(name, but=[] if evidence else [need(name)]) if isinstance(evidence, bool) else evidence

    for evidence in theirs:
        judge(name, found(evidence))
    there(cores=77, fastapi="0.99")
    for evidence in mine:
        judge(name, found(evidence))
    beside = ledger().beside()
    assert beside.different == [name]
    assert words in beside.why(name) and words in html(beside)


def test_nothing_that_is_explained_is_said_of_machines_that_are_alike(there):
    judge("C30", 5)
    there()
    judge("C30", 1)
    assert "The machines differ" not in ledger().beside().summary()


def test_many_differences_are_folded_and_an_empty_ledger_is_told(there):
    everything()
    there()
    assert ledger().beside().title == "No claim has been tried both here and on “two cores, quiet” yet"
    assert "Not tried here yet: C1, C2" in ledger().beside().summary()
    with_checks = [name for name, claim in rules.claims().items() if claim.checks]
    for name in with_checks:
        judge(name, checks(name, but=[need(name)]))
    beside = ledger().beside()
    assert beside.different == with_checks and "C14" not in beside.title
    assert f"{len(with_checks) - 5} more that came out differently" in html(beside)


def test_a_record_holds_what_an_export_does_and_what_was_found(there, results):
    predict("C30", 3)
    judge("C30", between(4, 6))
    predict("a name of my own, Ada Lovelace's laptop", "/home/ada")
    judge("a name of my own, Ada Lovelace's laptop", "/home/ada/thesis")
    exported = export().data
    assert record(" two cores, quiet ", there.file).summary() == "Recorded 1 result of “two cores, quiet”."
    text = there.file.read_text("utf-8")
    assert "Ada" not in text and "ada" not in text and "T" not in json.loads(text)["when"]
    data = json.loads(text)
    assert data["format"] == FORMAT and data["name"] == "two cores, quiet" and "id" not in data
    (kept,) = data["entries"]["C30"]["verdicts"]
    assert kept.pop("found") == "5 (4 to 6) times Flask's throughput"
    assert data["entries"] == exported["entries"] and data["machine"] == exported["machine"]
    assert (
        recorded.recorded(there.file)["entries"]["C30"]["verdicts"][0]["found"] == "5 (4 to 6) times Flask's throughput"
    )


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, 3, None])
def test_a_record_needs_a_name(there, name):
    judge("C30", 5)
    with pytest.raises(LessonError, match="Name the machine in up to 80 characters"):
        record(name, there.file)
    assert not there.file.exists()


def test_an_empty_ledger_is_not_recorded(there):
    with pytest.raises(LessonError, match="no verdict to record"):
        record("two cores", there.file)
    assert not there.file.exists()


def test_the_recorded_ledger_of_this_copy_can_be_read_if_there_is_one():
    if not recorded.FILE.exists():
        pytest.skip("This copy has none.")
    data = recorded.recorded()
    drawn = Ledger(rules.claims(), data["entries"], "data/recorded").beside()
    assert not drawn.different and len(drawn.same) == sum(
        bool(each["verdicts"]) for name, each in data["entries"].items() if name in rules.claims()
    )


def test_a_ledger_with_every_lesson_begun_folds_its_claims():
    everything()
    shown = html(ledger())
    assert "13 lessons, claim by claim" in shown and "not begun" not in shown

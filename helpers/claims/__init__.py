"""Predict, judge, and the ledger of verdicts: what the learner guessed, what came out, what follows from it.

A name is a claim of the article ("C30", see data/claims.toml) or any short text ("last answer (ms)"). Guesses and
verdicts are kept in results/ledger.json. The latest verdict on a claim counts, whichever lesson reached it; earlier
ones stay in the file as its history.
"""

from helpers.claims.again import NewStart, Recall, recall, start_again
from helpers.claims.board import Ledger
from helpers.claims.cards import Judgement
from helpers.claims.exporting import Export, export, read_export
from helpers.claims.guesses import Guess
from helpers.claims.recorded import record
from helpers.claims.rules import Claim
from helpers.claims.telling import judge, ledger, predict

__all__ = [
    "Claim",
    "Export",
    "Guess",
    "Judgement",
    "Ledger",
    "NewStart",
    "Recall",
    "export",
    "judge",
    "ledger",
    "predict",
    "read_export",
    "recall",
    "record",
    "start_again",
]

"""Compare servers under the same load: interleaved rounds, and ratios with the interval they are good for."""

from helpers.benchmark.comparison import Comparison, ratio_of
from helpers.benchmark.figures import against_concurrency, against_model, against_threads, latencies
from helpers.benchmark.footprint import AtWork, OneMore, at_work, one_more
from helpers.benchmark.plan import measure
from helpers.benchmark.statistics import Estimate

__all__ = [
    "AtWork",
    "Comparison",
    "Estimate",
    "OneMore",
    "against_concurrency",
    "against_model",
    "against_threads",
    "at_work",
    "latencies",
    "measure",
    "one_more",
    "ratio_of",
]

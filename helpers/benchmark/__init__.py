"""Compare servers under the same load: interleaved rounds, and ratios with the interval they are good for."""

from helpers.benchmark.comparison import Comparison, ratio_of
from helpers.benchmark.figures import against_concurrency, against_model, against_threads, latencies
from helpers.benchmark.plan import measure
from helpers.benchmark.statistics import Estimate

__all__ = [
    "Comparison",
    "Estimate",
    "against_concurrency",
    "against_model",
    "against_threads",
    "latencies",
    "measure",
    "ratio_of",
]

"""Who leads by which measure, and since when: `adoption`, from the dated rows of data/adoption.csv.

The room is not called after its word: `helpers.adoption` would be the module, and no longer what the lessons call.
"""

from helpers.popularity.measures import ARTICLE, MEASURES, amount, day_of
from helpers.popularity.picker import Picker, adoption
from helpers.popularity.series import Adoption, Crossing

__all__ = ["ARTICLE", "MEASURES", "Adoption", "Crossing", "Picker", "adoption", "amount", "day_of"]

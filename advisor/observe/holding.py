"""How much of its CPU time a stack holds the GIL: what looks at random moments tell, and what chance would do too."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping

from scipy.special import gammainc, gammaln

from advisor.model.observation import Stack
from advisor.observe.shares import by_functions, functions_of, shares

# How likely it is, before anything is seen, that a stack on a CPU does nothing but Python. Most do; that one holds the
# GIL for half of its time is found in spite of it from some thirty looks on, for nine tenths from a thousand.
_PRIOR = 0.8
# Where hardly anything of a script holds the GIL, a stack with few looks is no exception, but one may be.
_LEAST_PRIOR = 0.01


def holding_shares(
    held: Mapping[Stack, float], due: Mapping[Stack, float], crowd: Mapping[Hashable, float]
) -> Callable[[Stack], float]:
    """A function stack -> the share of its CPU time that held the GIL, in [0, 1].

    `held` counts the looks that met a stack holding the GIL, `due` those a stack should have got for its CPU time, and
    `crowd` has, by functions, in how many processes at once their stacks were on a CPU when in any (left out: 1).

    py-spy looks at random moments (the times between them are drawn from an exponential distribution, so that no
    rhythm of the script can hide from it), so that even a stack that always holds the GIL is met up to a third less
    often than is due in fifty looks. Where such a lack is what chance would bring, it is no native code.
    """
    ratio = shares(held, due, default=1.0)
    overall = sum(held.values()) / sum(due.values()) if sum(due.values()) > 0 else 1.0
    prior = min(_PRIOR, max(_LEAST_PRIOR, overall))
    held_by, due_by = by_functions(held), by_functions(due)
    sure: dict[Hashable, float] = {}

    def share(stack: Stack) -> float:
        key = functions_of(stack)
        if key not in sure:
            looks = crowd.get(key, 1.0)
            sure[key] = all_python(held_by.get(key, 0.0) / looks, due_by.get(key, 0.0) / looks, prior)
        return sure[key] + (1.0 - sure[key]) * ratio(stack)

    return share


def all_python(held: float, due: float, prior: float = _PRIOR) -> float:
    """How likely it is that CPU time which was due `due` looks, of which `held` met the GIL held, held it throughout.

    Bayes' rule over two cases: that it did (looks at random moments: Poisson with mean `due`; as likely as `prior`
    before), and that it held it for any other share alike. Of ten looks due, ten that met it give 0.92, five 0.62 and
    none 0.00; of a thousand, 960 give 0.96 and 900 give 0.23.
    """
    if due <= 0.0:
        return prior
    held = min(held, due)  # more than were due speak for it no more than all of them
    throughout = held * math.log(due) - due - float(gammaln(held + 1.0))
    any_share = math.log(float(gammainc(held + 1.0, due)) / due)
    odds = prior / (1.0 - prior) * math.exp(throughout - any_share)
    return odds / (1.0 + odds)

"""How busy the child processes are that a site waits for."""

from __future__ import annotations

from advisor.analyse.ledger import Weights
from advisor.model.ledger import Ledger
from advisor.model.observation import Moment, Observation


def child_cpus(observation: Observation, inside: Weights, ledger: Ledger) -> float:
    """CPUs that other processes use, or queue for, while the site waits for children; 0 where it waits for none.

    More workers start more children at once, which then compete for the same CPUs. The kernel's total of the process
    tree less what the site's own processes took is all children's: an upper bound where several sites start some.
    """
    if not ledger.child:
        return 0.0
    moments = [moment for tick in observation.ticks for moment in tick.moments]
    here = [moment for moment in moments if moment.stack in inside]
    pids = {moment.pid for moment in here}
    own_s = sum(moment.cpu_s + moment.runqueue_s for moment in moments if moment.pid in pids)
    tree_s = observation.totals.cpu_s + observation.totals.runqueue_s
    waited_s = ledger.child * sum(_length_s(moment) * inside[moment.stack] for moment in here)
    return max(0.0, tree_s - own_s) / waited_s if waited_s else 0.0


def _length_s(moment: Moment) -> float:
    return moment.cpu_s + moment.runqueue_s + moment.wait_s

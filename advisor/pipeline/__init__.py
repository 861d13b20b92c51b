"""Where the stages meet: observe -> record -> replay -> analyse -> recommend. Nothing else wires them."""

from advisor.pipeline.flow import advise
from advisor.pipeline.options import AdviseOptions, Progress

__all__ = ["AdviseOptions", "Progress", "advise"]

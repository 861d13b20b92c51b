"""Run 1: the script as it is, watched from outside; its result is an `Observation`."""

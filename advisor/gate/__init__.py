"""The pre-merge check's decisions: which run comes next, what two arms' runs show, which rules are broken. Pure."""

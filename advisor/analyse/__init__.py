"""Pure reading of what the two runs saw: sites, their ledgers, what binds them, whether they may run side by side."""

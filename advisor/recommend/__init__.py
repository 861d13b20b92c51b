"""Pure decisions on what was measured: the balance of workers, the findings, the verdict."""

"""Run 2, host side: what to record, and what came back."""

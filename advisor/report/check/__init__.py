"""The result of a pre-merge check, one file a format: each renders it as text and touches no file."""

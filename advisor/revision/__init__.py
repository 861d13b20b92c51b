"""The two revisions a check compares: which ones, laid out side by side, each with its own code on the path."""

"""What a pre-merge check shows and writes: one file a format, each a pure function of the result."""

"""What `advise check` shows and writes: one file a format, each `render(result, ...) -> str`, without side effects.

`tables` turns a result into pandas tables, `phrases` into sentences; every format for people uses both.
"""

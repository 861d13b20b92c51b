"""One file a format: each has `render(advice, ...) -> str`, touches no file and prints nothing.

`frames` turns an advice into pandas tables once, `words` turns figures into text; every format uses both.
"""

"""`advise explain`: what a finding means and what to do about it."""

from __future__ import annotations

import textwrap

import click
from tabulate import tabulate

from advisor.cli import output
from advisor.report import codes


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("code", required=False)
def explain(code: str | None) -> int:
    """Explain the finding CODE (such as ADV201); without CODE, list them all."""
    if code is None:
        rows = [(page.code, page.title) for page in codes.pages().values()]
        output.put(tabulate(rows, ("code", "finding"), "simple") + "\n")
        return 0
    page = codes.pages().get(code.upper())
    if page is None:
        raise click.UsageError(f"no finding has the code {code}; `advise explain` lists them all")
    output.put(_text(page, output.columns()))
    return 0


def _text(page: codes.Page, width: int) -> str:
    parts = (("", page.meaning), ("How it is found: ", page.found), ("What to do: ", page.cure))
    body = "\n\n".join(textwrap.fill(head + text, width) for head, text in parts)
    return f"{page.code}: {page.title}\n\n{body}\n"

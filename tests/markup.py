"""What a page consists of, for the tests of what makes pages."""

from __future__ import annotations

from html.parser import HTMLParser


class Page(HTMLParser):
    """Tags, scripts, identifiers and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.scripts: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]):
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str):
        (self.scripts if self.tags[-1:] == ["script"] else self.texts).append(data)

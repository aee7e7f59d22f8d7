"""Checks of a built site: every internal link leads somewhere, and no page loads anything from outside. Pure."""

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

_LOADS = {"src", "srcset", "poster", "data", "action"}
"""Attributes whose address a browser loads or submits to by itself; `href` does so for `link` only."""
_CSS_ADDRESS = re.compile(r"""(?:url\(\s*|@import\s+)["']?((?:https?:)?//[^"')\s]+)""")
_LOADED_WHERE_USED = {"mermaid": "diagrams", "glightbox": "lightboxes"}
"""Classes of elements for which the theme's script loads a library from elsewhere."""
NOT_FOUND = "404.html"
"""Is shown at any address, so its relative links prove nothing."""


@dataclass
class _Page(HTMLParser):
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    classes: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value is None:
                continue
            if name == "href":
                (self.loads if tag == "link" else self.links).append(value)
            elif name in _LOADS:
                self.loads.append(value)
            elif name == "id" or (name == "name" and tag == "a"):
                self.ids.add(value)
            elif name == "class":
                self.classes |= set(value.split())


def problems(files: Mapping[str, str | None]) -> Iterator[str]:
    """Yield a sentence for everything that is wrong with a site.

    Args:
        files: the text of each file by its path; None for those that are neither HTML nor CSS.
    """
    pages = {path: _parsed(text) for path, text in files.items() if path.endswith(".html") and text is not None}
    for path, text in files.items():
        if path.endswith(".css") and text is not None:
            yield from (f"{path} loads {address}" for address in _CSS_ADDRESS.findall(text))
    for path, page in pages.items():
        yield from (f"{path} loads {address}" for address in page.loads if _is_outside(address))
        yield from (f"{path} has {_LOADED_WHERE_USED[one]}" for one in page.classes & _LOADED_WHERE_USED.keys())
        if path != NOT_FOUND:
            yield from _broken(path, page, pages, files)


def _broken(path: str, page: _Page, pages: Mapping[str, _Page], files: Mapping[str, str | None]) -> Iterator[str]:
    for target in sorted({*page.links, *page.loads}):
        parts = urlsplit(target)
        if parts.scheme or parts.netloc:
            continue
        there = posixpath.normpath(posixpath.join(posixpath.dirname(path), unquote(parts.path))) if parts.path else path
        if there in (".", "") or there.endswith("/"):
            there = posixpath.join(there, "index.html").removeprefix("./")
        if there not in files:
            yield f"{path} links to {target}, which does not exist"
        elif parts.fragment and there in pages and unquote(parts.fragment) not in pages[there].ids:
            yield f"{path} links to {target}, where that anchor does not exist"


def _parsed(text: str) -> _Page:
    page = _Page()
    page.feed(text)
    return page


def _is_outside(address: str) -> bool:
    parts = urlsplit(address)
    return bool(parts.netloc) or parts.scheme in ("http", "https")

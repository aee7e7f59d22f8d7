"""Which files become pages of the site, and where their links lead there. Pure."""

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath
from urllib.parse import urlsplit

ROOT_PAGES: Mapping[str, str] = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
    "CODE_OF_CONDUCT.md": "code-of-conduct.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "clients/javascript/README.md": "client-library.md",
    "findings/README.md": "findings.md",
    "simulator/README.md": "simulator.md",
    "tests/acceptance/README.md": "acceptance.md",
    "tests/contract/vectors/README.md": "vectors.md",
}
"""Source to page, of those that lie outside `docs/`."""
GENERATED_PAGES: Mapping[str, str] = {".env.example": "settings.md", "docs/schemas": "schemas.md"}
"""Files and folders that a generated page shows."""
_LINK = re.compile(r"(?<!\\)(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
_DEFINITION = re.compile(r"^(\[[^\]]+\]: +)(\S+)$")
_FENCE = re.compile(r"^\s*(```|~~~)")


KindOf = Callable[[str], str | None]


class BrokenLink(Exception):
    """A link of a source file leads to nothing."""


def page_of(source: str) -> str | None:
    """Return the page that shows a file or folder of the repository; None: there is none."""
    known = {**ROOT_PAGES, **GENERATED_PAGES}
    if source in known:
        return known[source]
    path = PurePosixPath(source)
    if path.parts[0] != "docs" or path.suffix != ".md":
        return None
    below = path.relative_to("docs")
    return str(below.with_name("index.md") if below.name == "README.md" else below)


def relinked(text: str, source: str, *, kind_of: KindOf) -> tuple[str, set[str]]:
    """Return the text of a page with links that work on the site, and the files that it needs beside the pages.

    A link to a Markdown file leads to its page, a link to another file to a copy of it. A link to a folder leads to the
    page of the folder's README; a folder without one is only named.

    Args:
        text: Markdown, as it lies in the repository.
        source: the path of its file, from the root of the repository.
        kind_of: tells whether a path of the repository is a `file` or a `folder`; None: it does not exist.

    Raises:
        BrokenLink: a relative link leads to nothing.
    """
    needed: set[str] = set()

    def link(match: re.Match[str]) -> str:
        mark, label, target = match.groups()
        there = _target_on_site(target, source, kind_of, needed)
        return label if there is None else f"{mark}[{label}]({there})"

    lines: list[str] = []
    in_code = False
    for line in text.split("\n"):
        is_fence = _FENCE.match(line) is not None
        in_code ^= is_fence
        if in_code or is_fence:
            lines.append(line)
        elif definition := _DEFINITION.match(line):
            lines.append(definition[1] + (_target_on_site(definition[2], source, kind_of, needed) or definition[2]))
        else:
            lines.append(_LINK.sub(link, line))
    return "\n".join(lines), needed


def _target_on_site(target: str, source: str, kind_of: KindOf, needed: set[str]) -> str | None:
    """Return where a link of `source` leads on the site, None for a folder that is no page; adds to `needed`."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc or not parts.path:
        return target
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), parts.path))
    kind = kind_of(path)
    if kind is None:
        raise BrokenLink(f"{source} links to {target}, which does not exist.")
    page = page_of(path)
    if page is None and kind == "folder":
        readme = f"{path}/README.md"
        page = page_of(readme) if kind_of(readme) == "file" else None
        if page is None:
            return None
    if page is None:
        needed.add(path)
        page = f"files/{path}"
    there = posixpath.relpath(page, posixpath.dirname(page_of(source) or "") or ".")
    return f"{there}#{parts.fragment}" if parts.fragment else there


def schemas_page(paths: Iterable[str]) -> str:
    """Return the page that lists the JSON Schemas at `paths`."""
    lines = [f"- [{PurePosixPath(path).name}](files/{path})" for path in sorted(paths)]
    return (
        "# JSON Schemas\n\nGenerated from the code: every frame of the WebSocket in both directions, the objects of "
        "the REST API, and the event that other systems may consume. Readers must ignore fields "
        "that they do not know.\n\n" + "\n".join(lines) + "\n"
    )


def settings_page(example: str) -> str:
    """Return the page of all settings, from the text of `.env.example`."""
    return (
        "# Settings\n\nEvery service reads its settings from environment variables. This is `.env.example`, which "
        "lists all of them with their defaults.\n\n```ini\n" + example.rstrip("\n") + "\n```\n"
    )

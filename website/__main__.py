"""`python -m website`: gather the pages, build the site, check it."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from switchboard.contracts.schemas import components
from tests.integration.store.parts import unconnected_apps
from website.checks import problems
from website.pages import GENERATED_PAGES, ROOT_PAGES, page_of, relinked, schemas_page, settings_page
from website.rest_reference import rest_reference

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build" / "website"
_TIMEOUT_SECONDS = 300.0


def gather(folder: Path) -> None:
    """Write every page into `folder`, with the files that they link to."""
    documents = {str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")}
    schemas = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs" / "schemas").glob("*.json")}
    files = set(schemas)
    for source in sorted(documents | set(ROOT_PAGES)):
        text, needed = relinked((ROOT / source).read_text(encoding="utf-8"), source, kind_of=_kind)
        page = page_of(source)
        assert page is not None
        _write(folder / page, text)
        files |= needed
    for path in files:
        (folder / "files" / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, folder / "files" / path)
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    _write(folder / GENERATED_PAGES[".env.example"], settings_page(example))
    _write(folder / GENERATED_PAGES["docs/schemas"], schemas_page(schemas))
    _write(folder / "rest.md", rest_reference(unconnected_apps()[0].openapi(), field_docs=_field_docs()))


def main() -> int:
    """Build the site; return the exit status."""
    shutil.rmtree(BUILD, ignore_errors=True)
    gather(BUILD / "docs")
    shutil.copyfile(ROOT / "website" / "zensical.toml", BUILD / "zensical.toml")
    command = [str(Path(sys.executable).parent / "zensical"), "build", "--strict"]
    built = subprocess.run(command, cwd=BUILD, check=False, timeout=_TIMEOUT_SECONDS)  # noqa: S603 - our own arguments
    if built.returncode != 0:
        return built.returncode
    site = BUILD / "site"
    paths = [path for path in site.rglob("*") if path.is_file()]
    found = sorted(problems({path.relative_to(site).as_posix(): _text(path) for path in paths}))
    for problem in found:
        sys.stderr.write(f"{problem}\n")
    sys.stdout.write(f"{site / 'index.html'}: {len(paths)} files, {len(found)} problems\n")
    return 1 if found else 0


def _kind(path: str) -> str | None:
    found = ROOT / path
    return "folder" if found.is_dir() else "file" if found.is_file() else None


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.suffix in (".html", ".css") else None


def _field_docs() -> dict[str, dict[str, str]]:
    """Return what the docstrings of the contracts say of each field."""
    docs: dict[str, dict[str, str]] = {}
    for name, schema in components().items():
        fields: dict[str, Any] = schema.get("properties", {})
        docs[name] = {field: one["description"] for field, one in fields.items() if "description" in one}
    return docs


if __name__ == "__main__":
    sys.exit(main())

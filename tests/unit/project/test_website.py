"""The site of the documentation: links of the repository work there, and its checks find what is wrong."""

import pytest

from website.checks import problems
from website.pages import BrokenLink, page_of, relinked
from website.rest_reference import rest_reference

TREE = {
    "README.md": "file",
    "LICENSE": "file",
    "docs": "folder",
    "docs/protocol.md": "file",
    "docs/schemas": "folder",
    "docs/adr": "folder",
    "docs/adr/README.md": "file",
    "bench": "folder",
}


def on_site(text: str, source: str = "README.md") -> str:
    return relinked(text, source, kind_of=TREE.get)[0]


@pytest.mark.parametrize(
    ("source", "page"),
    [
        ("README.md", "index.md"),
        ("docs/protocol.md", "protocol.md"),
        ("docs/adr/README.md", "adr/index.md"),
        (".env.example", "settings.md"),
        ("LICENSE", None),
        ("shared/README.md", None),
    ],
)
def test_a_file_becomes_its_page(source: str, page: str | None) -> None:
    assert page_of(source) == page


def test_a_link_leads_to_the_page_of_its_file() -> None:
    assert on_site("see [it](docs/protocol.md#limits)") == "see [it](protocol.md#limits)"
    assert on_site("[it](../../README.md)", "docs/adr/README.md") == "[it](../index.md)"
    assert on_site("[it]: docs/protocol.md") == "[it]: protocol.md"


def test_a_link_to_a_folder_leads_to_its_page_or_is_only_text() -> None:
    assert on_site("[decisions](docs/adr), [schemas](docs/schemas), [bench](bench)") == (
        "[decisions](adr/index.md), [schemas](schemas.md), bench"
    )


def test_a_link_to_another_file_leads_to_a_copy() -> None:
    assert relinked("[licence](LICENSE)", "README.md", kind_of=TREE.get) == ("[licence](files/LICENSE)", {"LICENSE"})


def test_addresses_anchors_and_code_stay_as_they_are() -> None:
    text = "[a](https://example.com/x.md) [b](#here)\n```\n[c](gone.md)\n```"

    assert on_site(text) == text


def test_a_link_to_nothing_is_an_error() -> None:
    with pytest.raises(BrokenLink, match=r"README\.md links to gone\.md"):
        on_site("[gone](gone.md)")


@pytest.mark.parametrize(
    ("html", "problem"),
    [
        ('<a href="b.html#here">', None),
        ('<a href="https://example.com">', None),
        ('<a href="c.html">', "a.html links to c.html, which does not exist"),
        ('<a href="b.html#there">', "a.html links to b.html#there, where that anchor does not exist"),
        ('<script src="https://cdn.example.com/x.js"></script>', "a.html loads https://cdn.example.com/x.js"),
        ('<link rel="stylesheet" href="//fonts.example.com/x.css">', "a.html loads //fonts.example.com/x.css"),
        ('<img src="gone.png">', "a.html links to gone.png, which does not exist"),
        ('<pre class="mermaid">', "a.html has diagrams"),
    ],
)
def test_the_checks_find_dead_links_and_what_is_loaded_from_outside(html: str, problem: str | None) -> None:
    assert list(problems({"a.html": html, "b.html": '<p id="here">'})) == ([] if problem is None else [problem])


def test_the_checks_read_style_sheets() -> None:
    found = problems({"a.css": '@import "https://example.com/a.css"; b { background: url(//example.com/b.png) }'})

    assert list(found) == ["a.css loads https://example.com/a.css", "a.css loads //example.com/b.png"]


def test_the_rest_reference_shows_parameters_responses_and_objects() -> None:
    thing = {"$ref": "#/components/schemas/Thing"}
    problem = {"content": {"application/problem+json": {"schema": thing, "examples": {"gone": {}}}}, "description": ""}
    good = {
        "description": "Found.",
        "headers": {"ETag": {}},
        "content": {
            "application/json": {"schema": thing, "examples": {"usual": {"$ref": "#/components/examples/Thing"}}}
        },
    }
    limit = {"name": "limit", "in": "query", "required": False, "schema": {"type": "integer", "maximum": 200}}
    operation = {
        "tags": ["things"],
        "description": "Show a thing.",
        "security": [{"userToken": []}],
        "parameters": [limit],
        "responses": {"200": good, "404": problem},
    }
    schemas = {"Thing": {"description": "A thing.", "properties": {"id": {"type": "integer"}}, "required": ["id"]}}
    examples = {"Thing": {"value": {"id": 7}}}
    document = {
        "paths": {"/api/things": {"get": operation}},
        "components": {"schemas": schemas, "examples": examples},
    }

    page = rest_reference(document, field_docs={"Thing": {"id": "Its number."}})

    for line in (
        "## Things",
        "### `GET /api/things`",
        "Needs a user's token.",
        "| `limit` | query | integer (at most 200) |  |",
        "| 200 | [Thing](#thing) | `ETag` |",
        "**Problems**: 404 `gone`",
        '      "id": 7',
        "| `id` | integer | Its number. |",
    ):
        assert line in page.split("\n")

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from shared.errors import StartupRefused
from switchboard.inbox_page import inbox_app
from switchboard.security_txt import security_contact, security_txt

_NOW = datetime(2026, 12, 1, 10, tzinfo=UTC)


def test_the_file_has_the_two_fields_that_the_standard_requires() -> None:
    assert security_txt("mailto:security@example.com", now=_NOW) == (
        "Contact: mailto:security@example.com\nExpires: 2027-11-30T10:00:00Z\n"
    )


@pytest.mark.parametrize("contact", ["mailto:a@example.com", "https://example.com/report", "tel:+1-201-555-0123"])
def test_contacts_are_uris(contact: str) -> None:
    assert security_contact({"SWITCHBOARD_SECURITY_CONTACT": contact}) == contact


@pytest.mark.parametrize(
    "contact",
    ["a@example.com", "http://example.com", "mailto:", "https://a b", "https://example.com\nExpires: never", "tel:one"],
)
def test_anything_else_is_refused(contact: str) -> None:
    with pytest.raises(StartupRefused, match="SECURITY_CONTACT must be one URI"):
        security_contact({"SWITCHBOARD_SECURITY_CONTACT": contact})


@pytest.mark.parametrize(("contact", "status"), [("mailto:security@example.com", 200), (None, 404)])
async def test_the_inbox_serves_it_if_a_contact_is_set(tmp_path: Path, contact: str | None, status: int) -> None:
    app = inbox_app(tmp_path, origins=(), hosts=(), user_claim="sub", security_contact=contact, now=lambda: _NOW)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://inbox") as http:
        response = await http.get("/.well-known/security.txt")
    assert response.status_code == status
    assert response.text.startswith("Contact: " if contact else "not found")

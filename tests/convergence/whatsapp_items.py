"""Strategies for items of WhatsApp, of every kind."""

import json
from zlib import crc32

from hypothesis import strategies as st

from tests.convergence.shapes import Json, Page, Piece, change, frame, whatsapp, whatsapp_time
from tests.convergence.words import BSUIDS, CUSTOMERS, EMOJI, NEVER, Draw, any_ids, message_id, own_ids, seconds, texts


def contact_of(customer: str, item: Json) -> Json:
    """Return the contact. Names vary and not every item has the business-scoped ID, but the same item always does."""
    chance = crc32(json.dumps(item, sort_keys=True).encode())
    profile: Json = {"name": ("Ada", "Ada King", "A. Lovelace")[chance % 3]}
    if chance % 2:
        profile["username"] = "ada"
    return {"profile": profile, "wa_id": customer, **({"user_id": BSUIDS[customer]} if chance % 5 < 3 else {})}


@st.composite
def messages(draw: Draw, page: Page, customer: str) -> Piece:
    body: Json = draw(contents)
    if draw(st.booleans()):
        body = {**body, "context": {"from": page.id, "id": draw(any_ids(page, customer))}}
    if draw(st.booleans()):
        item = {"id": draw(own_ids(page, customer, outgoing=True)), "from": page.id, "to": customer, **body}
        return whatsapp(page, "message_echoes", {**item, "timestamp": whatsapp_time(draw(seconds))})
    return _from_customer(draw, page, customer, {"id": draw(own_ids(page, customer, outgoing=False)), **body})


contents: st.SearchStrategy[Json] = st.one_of(
    texts.map(lambda text: {"type": "text", "text": {"body": text}}),
    texts.map(lambda text: {"type": "text", "text": {"body": text}}),
    st.sampled_from(
        (
            {"type": "image", "image": {"id": "801", "mime_type": "image/jpeg", "sha256": "x", "caption": "look"}},
            {"type": "audio", "audio": {"id": "802", "mime_type": "audio/ogg", "voice": True}},
            {"type": "location", "location": {"latitude": 1.5, "longitude": 2, "name": "Here"}},
            {"type": "contacts", "contacts": [{"name": {"formatted_name": "Grace"}, "phones": [{"phone": "+1"}]}]},
            {"type": "button", "button": {"payload": "YES", "text": "Yes"}},
            {"type": "interactive", "interactive": {"type": "button_reply", "button_reply": {"id": "b", "title": "B"}}},
            {"type": "order", "order": {"catalog_id": "c", "product_items": []}},
            {"type": "unsupported", "errors": [{"code": 131051, "title": "Unsupported message type"}]},
            {"type": "novelty", "novelty": {"of": "tomorrow"}},
        )
    ),
)


def _from_customer(draw: Draw, page: Page, customer: str, item: Json) -> Piece:
    """Return the item as sent by the customer."""
    item = {"from": customer, **item, "timestamp": whatsapp_time(draw(seconds))}
    return whatsapp(page, "messages", item, contact=contact_of(customer, item))


@st.composite
def hidden_phones(draw: Draw, page: Page, customer: str) -> Piece:
    """Return a message without a phone number: another conversation, linked once an item has both IDs."""
    mid = draw(own_ids(page, BSUIDS[customer], outgoing=False))
    item = {"from_user_id": BSUIDS[customer], "id": mid, "type": "text", "text": {"body": draw(texts)}}
    contact = {"profile": {"name": "Ada"}, "user_id": BSUIDS[customer]}
    return whatsapp(page, "messages", {**item, "timestamp": whatsapp_time(draw(seconds))}, contact=contact)


@st.composite
def reactions(draw: Draw, page: Page, customer: str) -> Piece:
    emoji = draw(st.sampled_from(({"emoji": EMOJI[0]}, {"emoji": EMOJI[1]}, {"emoji": ""}, {})))
    target = draw(any_ids(page, customer))
    return _annotation(draw, page, customer, "reaction", {"message_id": target, **emoji}, outgoing=draw(st.booleans()))


@st.composite
def edits(draw: Draw, page: Page, customer: str) -> Piece:
    outgoing = draw(st.booleans())
    message = {"type": "text", "text": {"body": draw(st.sampled_from(("edited one", "edited two")))}}
    target = draw(own_ids(page, customer, outgoing=outgoing))
    edit = {"original_message_id": target, "message": message}
    return _annotation(draw, page, customer, "edit", edit, outgoing=outgoing)


@st.composite
def unsends(draw: Draw, page: Page, customer: str) -> Piece:
    outgoing = draw(st.booleans())
    target = draw(own_ids(page, customer, outgoing=outgoing))
    return _annotation(draw, page, customer, "revoke", {"original_message_id": target}, outgoing=outgoing)


def _annotation(draw: Draw, page: Page, customer: str, kind: str, said: Json, *, outgoing: bool) -> Piece:
    """Return an annotation of a message, by the customer or through the phone app."""
    own = message_id(page, customer, outgoing=outgoing, name=f"fact-{draw(st.integers(1, 2))}")
    fact: Json = {"id": own, "type": kind, kind: said}
    if outgoing:
        item = {**fact, "from": page.id, "to": customer, "timestamp": whatsapp_time(draw(seconds))}
        return whatsapp(page, "message_echoes", item)
    return _from_customer(draw, page, customer, fact)


@st.composite
def statuses(draw: Draw, page: Page, customer: str) -> Piece:
    status = draw(st.sampled_from(("sent", "delivered", "read", "played", "failed", "failed", "warning")))
    ids = st.one_of(
        own_ids(page, customer, outgoing=True), st.just(message_id(page, customer, outgoing=True, name=NEVER))
    )
    item: Json = {"id": draw(ids), "status": status, "recipient_id": customer}
    if status == "failed":
        item["errors"] = [{"code": 131047, "title": draw(st.sampled_from(("Too late", "Re-engagement message")))}]
    if draw(st.booleans()):
        item["conversation"] = {"id": "c", "origin": {"type": "service"}}
    contact = {"wa_id": customer, "user_id": BSUIDS[customer]} if status == "read" else None
    return whatsapp(page, "statuses", {**item, "timestamp": whatsapp_time(draw(seconds))}, contact=contact)


@st.composite
def number_changes(draw: Draw, page: Page, customer: str) -> Piece:
    other = draw(st.sampled_from(CUSTOMERS))
    system = {"type": "user_changed_number", "body": "changed", "wa_id": other, "new_wa_id": other}
    item = {"id": message_id(page, customer, outgoing=False, name="system"), "type": "system", "system": system}
    return _from_customer(draw, page, customer, item)


@st.composite
def changes(draw: Draw, page: Page, customer: str) -> Piece:
    at = draw(seconds)
    renamed = {"wa_id": customer, "user_id": {"previous": "US.0", "current": BSUIDS[customer]}}
    possible: tuple[tuple[str, Json], ...] = (
        ("account_update", {"event": "VERIFIED_ACCOUNT"}),
        ("user_id_update", {"user_id_update": [{**renamed, "timestamp": whatsapp_time(at)}]}),
        ("novelty", {"of": "tomorrow"}),
    )
    field, value = draw(st.sampled_from(possible))
    return change(page, at, field, {**frame(page), **value})

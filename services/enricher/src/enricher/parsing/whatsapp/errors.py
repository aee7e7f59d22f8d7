"""What WhatsApp says went wrong: `[{"code", "title", "message", "error_data": {"details"}}]`."""

from typing import Any

from enricher.parsing.values import first_text, id_of, items_of, object_of


def sentence_of(*given: Any) -> str | None:
    """Return the first error that says something, as a sentence; None when there is none."""
    errors = (error for value in given for error in items_of(value) if isinstance(error, dict))
    return next((said for said in map(_sentence, errors) if said), None)


def _sentence(error: dict[str, Any]) -> str | None:
    title = first_text(error, "title", "message")
    details = first_text(object_of(error.get("error_data")), "details") or first_text(error, "details", "message")
    words = ": ".join(dict.fromkeys(text.rstrip(".") for text in (title, details) if text))
    code = id_of(error.get("code"))
    if not words:
        return f"Error {code}." if code else None
    return f"{words} ({code})." if code else f"{words}."

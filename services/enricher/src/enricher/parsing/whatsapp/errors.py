"""Errors that WhatsApp reports: `[{"code", "title", "message", "error_data": {"details"}}]`."""

from typing import Any

from enricher.parsing.values import elements_of, first_text, id_of, object_of


def error_sentence(*lists: Any) -> str | None:
    """Return the first error that has a text or a code, as a sentence."""
    errors = (error for value in lists for error in elements_of(value) if isinstance(error, dict))
    return next((sentence for sentence in map(_sentence, errors) if sentence), None)


def _sentence(error: dict[str, Any]) -> str | None:
    title = first_text(error, "title", "message")
    details = first_text(object_of(error.get("error_data")), "details") or first_text(error, "details", "message")
    words = ": ".join(dict.fromkeys(text.rstrip(".") for text in (title, details) if text))
    code = id_of(error.get("code"))
    if not words:
        return f"Error {code}." if code else None
    return f"{words} ({code})." if code else f"{words}."

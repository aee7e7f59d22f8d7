"""The cases of all platforms."""

from tests.unit.enricher.parsing import (
    change_cases,
    message_cases,
    messenger_cases,
    whatsapp_cases,
    whatsapp_message_cases,
)

CASES = [
    *message_cases.CASES,
    *messenger_cases.CASES,
    *change_cases.CASES,
    *whatsapp_message_cases.CASES,
    *whatsapp_cases.CASES,
]

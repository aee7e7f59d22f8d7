"""All cases of all platforms."""

from tests.unit.enricher import change_cases, direct_cases, message_cases, whatsapp_cases, whatsapp_message_cases

CASES = [
    *message_cases.CASES,
    *direct_cases.CASES,
    *change_cases.CASES,
    *whatsapp_message_cases.CASES,
    *whatsapp_cases.CASES,
]

"""Splits webhook bodies into items and parses them. Pure: accepts any input, and reads no clock.

`split` turns a body into items, each with the page that it belongs to. `parse` turns an item into a struct of
`shared.contracts`. `messenger` (Messenger and Instagram) and `whatsapp` know what the platforms send.
"""

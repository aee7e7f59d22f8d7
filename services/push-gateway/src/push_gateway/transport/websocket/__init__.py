"""The WebSocket transport, `GET /ws/{user_id}`."""

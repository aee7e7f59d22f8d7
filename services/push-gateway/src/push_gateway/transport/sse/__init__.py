"""The transport of server-sent events, `GET /sse/{user_id}`, for networks that block WebSockets."""

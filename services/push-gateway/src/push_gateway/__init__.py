"""The push gateway: every change of an inbox on its user's sockets, without gaps."""

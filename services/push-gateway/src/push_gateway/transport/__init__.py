"""How clients connect: WebSockets and server-sent events, from the TCP connection to a running session."""

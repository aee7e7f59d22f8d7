"""HTTP for every service: the server, the client, problem details, and the operations routes."""

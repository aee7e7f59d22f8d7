"""The store: owns Postgres, the event log and the REST API."""

"""Who may do what: tokens of users, administrators and services, and secrets at rest."""

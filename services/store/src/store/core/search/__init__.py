"""Full-text search: from text to terms, and from a query to conditions on terms."""

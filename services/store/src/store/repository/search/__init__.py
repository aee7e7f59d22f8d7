"""The search index: matching and indexing."""

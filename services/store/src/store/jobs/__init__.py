"""Background work beside the handlers: publishing, releasing, indexing and retention."""

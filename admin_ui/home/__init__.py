"""Home: what happened lately, and how far the store's history has been read."""

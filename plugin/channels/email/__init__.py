"""Email: MIME and the providers that send it."""

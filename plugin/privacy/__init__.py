"""The law of personal data: requests, redaction, export and retention (docs/decisions/0005)."""

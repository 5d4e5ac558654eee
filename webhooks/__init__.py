"""The way in: verify, keep, ring, answer. No decisions here."""

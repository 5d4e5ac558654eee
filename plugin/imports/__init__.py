"""Profiles that a merchant brings in a file: read, match, record and revert."""

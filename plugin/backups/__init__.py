"""Backups: all that an installation knows in one file, made while it runs, and its return.

The broker is left out: the database is the truth (docs/decisions/0001). So is the secret key, which
must be kept apart: without it the tokens and the consent proofs in a backup are worth nothing.
"""

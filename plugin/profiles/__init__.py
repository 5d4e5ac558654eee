"""Resolve who a shopper is: identities, merges, fields and properties.

Likely duplicates are only suggested: the digest stores each profile's keys, and a worker compares
those still to be checked.
"""

"""Audience: profiles, lists, imports, exports and properties."""

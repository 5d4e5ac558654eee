"""Imports: the steps from a file to profiles, and the columns that they read."""

"""Lists: the page of all, the page of one, and who is on it."""

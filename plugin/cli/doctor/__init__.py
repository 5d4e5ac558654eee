"""`regulars doctor`: look at everything that an installation needs, and name what is wrong."""

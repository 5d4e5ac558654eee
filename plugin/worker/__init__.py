"""Background work: the actors that Dramatiq runs, and the clock that finds what is due."""

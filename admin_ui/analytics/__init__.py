"""Analytics: what customers do, counted. Reports join the metrics here."""

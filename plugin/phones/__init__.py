"""Phone numbers: reading them, and where their clocks stand."""

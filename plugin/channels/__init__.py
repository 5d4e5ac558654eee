"""The ways out: one small class for each channel, and one error."""

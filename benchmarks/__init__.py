"""Paired benchmarks: ours and its peers in turn, in one run, by CPU per operation."""

"""What we do, stage by stage, in the order that data flows."""

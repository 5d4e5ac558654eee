"""What the commands of an operator's day do."""

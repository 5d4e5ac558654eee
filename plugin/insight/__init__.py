"""What it all earned."""

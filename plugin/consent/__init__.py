"""What each address may receive: preferences, implied consent and proof."""

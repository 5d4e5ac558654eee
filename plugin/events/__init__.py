"""From deliveries to profiles and events."""

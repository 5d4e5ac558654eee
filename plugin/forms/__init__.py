"""Sign-up forms: define, publish and submit them."""

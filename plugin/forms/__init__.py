"""Sign-up forms: what shoppers are shown, and what they answer."""

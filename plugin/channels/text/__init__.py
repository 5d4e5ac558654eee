"""What all channels of texts share: their size, their signs, and the words that come back."""

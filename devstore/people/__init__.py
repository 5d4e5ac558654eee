"""Who uses the store: one merchant, one shopper, a town of them, and the tour that plays both."""

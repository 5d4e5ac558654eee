"""What becomes of orders: edits, parcels, refunds and returns, and what is left after them."""

"""Compare records of Shopify's with ours: one module for each kind of record."""

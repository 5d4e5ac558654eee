"""Keep our copy of the store and Shopify's own in step, in both directions."""

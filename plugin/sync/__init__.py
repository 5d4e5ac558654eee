"""Keep our copy of the store and Shopify's own in step, in both directions.

A new store's history is read by Shopify's bulk operations and recorded as webhooks are. Every hour
what changed is compared, and only differences are recorded. Consent and tags go back to Shopify.
"""

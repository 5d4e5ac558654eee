"""Liquid as Shopify's merchants know it: what Ruby's Liquid 5.4 prints, for a mail's two parts."""

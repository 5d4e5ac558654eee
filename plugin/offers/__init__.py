"""Offers: discounts that the storefront honours."""

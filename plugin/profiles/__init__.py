"""Who a shopper is: identities, merges, fields and properties."""

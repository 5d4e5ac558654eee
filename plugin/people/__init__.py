"""Who it is: identities, merges and what we know of a shopper."""

"""A Shopify store in a box: what our app meets when it is installed, on one machine."""

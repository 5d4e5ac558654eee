"""The pages that shoppers see, with the app's parts in them."""

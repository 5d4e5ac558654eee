"""What happens to one message: whether it may go, rendering, sending and what came of it."""

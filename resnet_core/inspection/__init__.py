"""What happens inside a network, for one input."""

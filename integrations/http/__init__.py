"""The only door out of the house."""

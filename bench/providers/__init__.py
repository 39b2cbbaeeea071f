"""The one provider that the bench knows."""

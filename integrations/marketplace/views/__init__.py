"""The pages of the marketplace: one module per thing a page is about."""

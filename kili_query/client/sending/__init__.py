"""How requests are sent: where to, in what batches, how often, and when again."""

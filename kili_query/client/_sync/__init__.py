"""The synchronous SDK, generated from `_async`."""

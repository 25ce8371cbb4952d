"""What writes parts of the SDK: `_sync` out of `_async`, and the overloads of both."""

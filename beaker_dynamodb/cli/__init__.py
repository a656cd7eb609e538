"""The command `beaker-dynamodb`; the only part that prints."""

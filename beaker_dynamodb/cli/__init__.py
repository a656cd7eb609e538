"""The command `beaker-dynamodb`; only it and the demo print."""

"""The demo: one page that shows a session and its calls to DynamoDB."""

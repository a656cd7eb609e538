"""What an operator does with a table: functions that return data and report their progress."""

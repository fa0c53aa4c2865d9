"""What only native mode has on the Python side."""

"""Small building blocks of the formats, exposed for users and tests."""

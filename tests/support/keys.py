"""A secret key that is long enough, for tests that need any."""

SECRET_KEY = "a-secret-key-of-32-characters-01"

"""What templates can do besides."""

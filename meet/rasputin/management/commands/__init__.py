"""The commands: ``rasputin``."""

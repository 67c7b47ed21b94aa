"""What ``deploy/`` ships, run with the real programs; only places and ports are others."""

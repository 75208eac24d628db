"""What happened: runs, leases and what was last delivered."""

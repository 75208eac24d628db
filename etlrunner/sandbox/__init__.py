"""A small Skyward and a small SFTP server over invented districts, for demos and tests."""

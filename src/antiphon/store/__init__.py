"""What lasts or is shared: SQL behind small interfaces."""

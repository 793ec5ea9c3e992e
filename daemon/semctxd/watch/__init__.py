"""Changes of the file system, and the proof that none is outstanding."""

"""What people read: the JSON envelope, plots, and one self-contained HTML page per stage."""

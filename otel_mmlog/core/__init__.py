"""What a run knows of its scalars: histories, windows, records and their text. Standard library and numpy only."""

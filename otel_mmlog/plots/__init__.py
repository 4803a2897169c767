"""Pictures of what runs have logged: curves, and what draws them into files, pages and terminals."""

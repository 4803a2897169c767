"""Plain training loops: what an iteration is, what belongs to which record, when a record is due."""

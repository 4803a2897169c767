"""What a run is, in few words: for a table of runs, and for a page of one."""

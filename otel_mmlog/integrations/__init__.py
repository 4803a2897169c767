"""What connects a training framework to a run; only here are the frameworks imported."""

"""Frozen value types that flow from stage to stage. Nothing here imports anything of ours, or does anything."""

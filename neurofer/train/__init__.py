"""Recipes, training, checkpoints, and seeded weights for networks that have no checkpoint."""

"""Scripts that run inside the environments of `neurofer.backends.environments`; they import nothing of neurofer."""

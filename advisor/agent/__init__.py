"""What runs inside the user's interpreter: standard library only, nothing else of the package."""

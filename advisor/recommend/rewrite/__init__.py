"""The user's own lines written anew, so that their calls run on workers and their output stays what it was."""

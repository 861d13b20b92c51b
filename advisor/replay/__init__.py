"""The host's side of the trials: which one comes next, and the talk with the stage that runs them."""

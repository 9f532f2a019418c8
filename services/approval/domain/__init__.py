"""The rules of approval, pure: what may be decided about a review, working time, and the spelling of names."""

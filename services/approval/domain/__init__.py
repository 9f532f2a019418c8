"""The rules of approval, pure: decisions about reviews, working time, and the spelling of names."""

"""The rules of approval, pure: decisions about reviews, and working time."""

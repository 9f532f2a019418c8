"""The use cases of notify, one plain function each."""

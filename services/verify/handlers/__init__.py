"""The use cases of the gate, one plain function each."""

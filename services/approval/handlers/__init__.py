"""The use cases, one plain function each: the directory, what is heard of applications, the desk's reads and decisions."""

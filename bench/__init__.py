"""What `make bench` runs.

Every figure is a ratio within one run, or belongs to the machine that it was taken on.
"""

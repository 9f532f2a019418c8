"""The pages after applying: the history, one application with its timeline and pass, and what its applicant may still change."""

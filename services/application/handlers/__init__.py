"""The use cases: applying and what the applicant changes, reading, hearing from other services, and the passing of time."""

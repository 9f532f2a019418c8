"""The directory as the ADO Branch manages it: its tables as files, and line by line."""

"""A service for the tests of the chassis. It uses verify's queues and database and obeys the messages."""

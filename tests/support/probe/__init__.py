"""A service for the chassis' own tests. It sits on verify's queues and database and does what the message tells it to."""

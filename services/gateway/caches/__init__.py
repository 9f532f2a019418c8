"""What a process keeps of the services' replies, for requests and for streams that browsers hold open."""

"""What the notebooks about containers do beside the lesson: read a build's log, wait for a service, ask an engine about a line."""

"""What no laptop has, simulated: traffic and queues, the autoscalers' own rules, a cache under a skewed load."""

"""Microservices: the recommender, up and running."""

"""A recommender in three services, each with its own data: catalogue (PostgreSQL), features (Redis), ranking (none).

A fourth, shops, answers for many shops from a model each, and needs none of the others.
"""

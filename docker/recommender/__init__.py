"""A recommender in three services, each with its own data: catalogue (PostgreSQL), features (Redis), ranking (none)."""

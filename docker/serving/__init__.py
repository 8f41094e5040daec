"""What the services share: the model's manifest, the web application around a model, and how gunicorn runs it."""

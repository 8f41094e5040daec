"""gunicorn's settings for the trial service: loaded before the port opens, one worker, gone at once when told to."""

import os

bind = os.environ.get("SERVICE_BIND", "127.0.0.1:8000")
preload_app = True
workers = 1
graceful_timeout = 1
control_socket_disable = True
loglevel = "error"

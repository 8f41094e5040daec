"""An open loop of requests: one leaves every 1/rate seconds, whether the last one has come back or not."""

import os
import signal
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

URL = os.environ["URL"]
RATE = float(os.environ.get("REQUESTS_PER_SECOND", "15"))
SECONDS = float(os.environ.get("SECONDS", "300"))
TIMEOUT_SECONDS = 10
MOST_WAITING = 200

outcomes, lock = Counter(), threading.Lock()
told_to_end = threading.Event()


def ask() -> None:
    try:
        with urllib.request.urlopen(URL, timeout=TIMEOUT_SECONDS) as reply:  # noqa: S310  (the address is in the manifest)
            outcome = str(reply.status)
    except urllib.error.HTTPError as error:
        outcome = str(error.code)
    except OSError as error:
        outcome = type(error).__name__
    with lock:
        outcomes[outcome] += 1


def main() -> None:
    began = time.monotonic()
    with ThreadPoolExecutor(MOST_WAITING) as pool:
        for number in range(round(RATE * SECONDS)):
            if told_to_end.wait(max(0.0, began + number / RATE - time.monotonic())):
                pool.shutdown(cancel_futures=True)  # what is asked is waited for; whoever waits for its turn goes
                break
            pool.submit(ask)
    print(f"{sum(outcomes.values())} requests in {time.monotonic() - began:.0f} s:", dict(sorted(outcomes.items())))


if __name__ == "__main__":
    # a container's first process hears no SIGTERM without a handler: deleting the job would take its whole grace period
    signal.signal(signal.SIGTERM, lambda *_: told_to_end.set())
    main()

"""Exit code 0 when the service in this container wants traffic. The standard library is enough; no curl needed."""

import http.client
import os
import sys


def main() -> int:
    port = int(os.environ.get("SERVICE_BIND", "0.0.0.0:8000").rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        status = connection.getresponse().status
    except OSError as error:
        print(f"no answer: {error}")
        return 1
    print(status)
    return 0 if status == http.client.OK else 1


if __name__ == "__main__":
    sys.exit(main())

"""Answers to the exercises of flask_resilience: other right ones, and the classic wrong ones with their hints."""

DOOR = """
def application(most):
    app = Flask("door")

    def pairs(found):
        names = [name for name, _ in found]
        if len(set(names)) != len(names):
            raise ValueError("twice")
        return dict(found)

    @app.route("/sum", methods=["POST"])
    def answer():
        length = request.headers.get("Content-Length")
        if not length:
            return "no length", 411
        if int(length) > most:
            return "too large", 413
        try:
            body = json.loads(request.data.decode("utf-8"), object_pairs_hook=pairs)
        except (ValueError, RecursionError):
            return "no JSON", 400
        numbers = body.get("numbers") if isinstance(body, dict) and len(body) == 1 else None
        if not isinstance(numbers, list) or not all(isinstance(n, int) and not isinstance(n, bool) for n in numbers):
            return "not as asked", 422
        return {"sum": sum(numbers)}

    return app
"""
READ = """
def read_all(read, clock, seconds, most):
    end, pieces, size = clock() + seconds, [], 0
    while True:
        left = end - clock()
        if left <= 0:
            raise TimeoutError("too late")
        piece = read(left)
        if piece == b"":
            return b"".join(pieces)
        pieces.append(piece)
        size += len(piece)
        if size > most:
            raise ValueError("too large")
"""

RIGHT = {
    "flask_resilience-1": [
        """
def corrected(latencies, interval):
    found = list(latencies)
    for latency in latencies:
        missed = 1
        while latency - missed * interval > 0:
            found.append(latency - missed * interval)
            missed += 1
    return found
""",
        """
def corrected(latencies, interval):
    def waits(latency):
        return [latency, *waits(latency - interval)] if latency > 0 else []

    return [wait for latency in latencies for wait in waits(latency)]
""",
    ],
    "flask_resilience-2": [
        DOOR,
        """
from flask import abort
from flask.views import MethodView

class Sum(MethodView):
    def __init__(self, most):
        self.most = most

    def post(self):
        if request.content_length is None:
            abort(411)
        if request.content_length > self.most:
            abort(413)
        seen = []
        def keep(pairs):
            if len(pairs) != len({name for name, _ in pairs}):
                abort(400)
            return dict(pairs)
        try:
            body = json.loads(request.get_data(), object_pairs_hook=keep)
        except (ValueError, RecursionError):
            abort(400)
        match body:
            case {"numbers": list(numbers), **more} if not more and all(type(n) is int for n in numbers):
                return {"sum": sum(numbers)}, 200
        abort(422)

def application(most):
    app = Flask(__name__)
    app.add_url_rule("/sum", view_func=Sum.as_view("sum", most))
    return app
""",
    ],
    "flask_resilience-3": [
        READ,
        """
def read_all(read, clock, seconds, most):
    begin, answer = clock(), bytearray()
    while len(answer) <= most:
        left = begin + seconds - clock()
        if not left > 0:
            raise TimeoutError
        piece = read(left)
        if not piece:
            return bytes(answer)
        answer.extend(piece)
    raise ValueError
""",
    ],
}

WRONG = {
    "flask_resilience-1": [
        (
            "the missing ones alone",
            "def corrected(latencies, interval):\n    return [l - n * interval for l in latencies for n in range(1, int(l / interval) + 1) if l > n * interval]\n",
            "hides nobody",
        ),
        (
            "as long as the first",
            "def corrected(latencies, interval):\n    return [l for l in latencies for _ in range(max(1, int(l / interval) + (l % interval > 0)))]\n",
            "Three were due",
        ),
        (
            "one too many",
            "def corrected(latencies, interval):\n    found = []\n    for latency in latencies:\n        while latency >= 0:\n            found.append(latency)\n            latency -= interval\n    return found\n",
            "0 is not above 0",
        ),
        (
            "a set",
            "def corrected(latencies, interval):\n    found = set()\n    for latency in latencies:\n        while latency > 0:\n            found.add(latency)\n            latency -= interval\n    return list(found)\n",
            "also an equal one",
        ),
        (
            "changes what it was given",
            "def corrected(latencies, interval):\n    for latency in list(latencies):\n        latency -= interval\n        while latency > 0:\n            latencies.append(latency)\n            latency -= interval\n    return latencies\n",
            "is not changed",
        ),
    ],
    "flask_resilience-2": [
        (
            "Flask's own reader",
            DOOR.replace('json.loads(request.data.decode("utf-8"), object_pairs_hook=pairs)', "request.get_json()"),
            "stands twice",
        ),
        ("true is 1", DOOR.replace(" and not isinstance(n, bool)", ""), "true is none"),
        ("not all of the limit", DOOR.replace("int(length) > most", "int(length) >= most"), "not more than"),
        ("more fields are ignored", DOOR.replace(" and len(body) == 1", ""), "exactly the one field"),
        (
            "a length is not asked for",
            DOOR.replace("if not length:", "if False:").replace("int(length)", "int(length or 0)"),
            "411",
        ),
        ("refuses after reading", DOOR.replace('"too large", 413', '"too large", 400'), "413"),
        (
            "a list crashes it",
            DOOR.replace("isinstance(body, dict) and len(body) == 1", "len(body) == 1"),
            "422|no object",
        ),
        ("depth crashes it", DOOR.replace("(ValueError, RecursionError)", "ValueError"), "nested"),
    ],
    "flask_resilience-3": [
        (
            "a timeout of each read",
            READ.replace("piece = read(left)", "piece = read(seconds)").replace("if left <= 0:", "if False:"),
            "all of them are not",
        ),
        ("looks at the clock afterwards", READ.replace("piece = read(left)", "piece = read(seconds)"), "what is left"),
        (
            "cuts instead of refusing",
            READ.replace('raise ValueError("too large")', 'return b"".join(pieces)[:most]'),
            "are refused",
        ),
        ("one byte too strict", READ.replace("size > most", "size >= most"), "not more than"),
        (
            "looks at the size at the end",
            READ.replace('        if size > most:\n            raise ValueError("too large")\n', "").replace(
                '            return b"".join(pieces)',
                '            if size > most:\n                raise ValueError\n            return b"".join(pieces)',
            ),
            "not read",
        ),
        (
            "what came is good enough",
            READ.replace('raise TimeoutError("too late")', 'return b"".join(pieces)'),
            "all of them are not|only an end",
        ),
        ("one read more", READ.replace("left <= 0", "left < 0"), "none comes after|nothing is read"),
    ],
}

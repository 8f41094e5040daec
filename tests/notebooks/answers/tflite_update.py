"""Answers to the exercises of tflite_update: other right ones, and the classic wrong ones with their hints."""

_ACCEPT = "def accept(header, signature, content, trusted, running, floor, today):\n"
_VERIFY = """    try:
        trusted.verify(signature, header)
    except InvalidSignature:
        return None
"""
_PARSE = """    try:
        offer = json.loads(header)
        version, digest, expires = offer["version"], offer["sha256"], offer["expires"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if type(version) is not int or type(expires) is not int:
        return None
"""
_DIGEST = "    if digest != hashlib.sha256(content).hexdigest():\n        return None\n"

RIGHT = {
    "tflite_update-1": [
        """
def plan(slots):
    a, b = slots["a"], slots["b"]
    if a is None and b is None:
        return [None, "a"]
    if b is None or (a is not None and a >= b):
        return ["a", "b"]
    return ["b", "a"]
""",
        """
def plan(slots):
    order = sorted("ba", key=lambda name: -1 if slots[name] is None else slots[name])
    boots = order[-1]
    return (boots, order[0]) if slots[boots] is not None else (None, "a")
""",
    ],
    "tflite_update-2": [
        """
def store(disk, name, content):
    beside = "." + name
    disk.write(beside, content)
    disk.sync(beside)
    disk.sync_folder()
    disk.rename(beside, name)
    disk.sync_folder()
""",
        """
def store(disk, name, content):
    for file in list(disk.place.iterdir()):
        if file.name != name:
            file.unlink()
    new = name + "~" + str(len(content))
    disk.write(new, content)
    disk.sync(new)
    disk.rename(new, name)
    disk.sync(name)
    disk.sync_folder()
""",
    ],
    "tflite_update-3": [
        """
def accept(header, signature, content, trusted, running, floor, today):
    try:
        trusted.verify(signature, header)
        offer = json.loads(header.decode())
        assert hashlib.sha256(content).hexdigest() == offer["sha256"]
        for name in ("version", "expires"):
            assert isinstance(offer[name], int) and not isinstance(offer[name], bool)
        assert offer["version"] >= max(floor, running + 1) and offer["expires"] >= today
        return offer["version"]
    except Exception:
        return None
""",
    ],
}

WRONG = {
    "tflite_update-1": [
        (
            "the spare slot is always b",
            'def plan(slots):\n    good = {n: v for n, v in slots.items() if v is not None}\n    return (max(good, key=good.get), "b") if good else (None, "a")\n',
            "the other slot is spare|does not boot",
        ),
        (
            "takes version 0 for none",
            'def plan(slots):\n    good = {n: v for n, v in sorted(slots.items()) if v}\n    if not good:\n        return None, "a"\n    boots = max(good, key=good.get)\n    return boots, "b" if boots == "a" else "a"\n',
            "Version 0",
        ),
        (
            "compares texts",
            'def plan(slots):\n    good = {n: str(v) for n, v in sorted(slots.items()) if v is not None}\n    if not good:\n        return None, "a"\n    boots = max(good, key=good.get)\n    return boots, "b" if boots == "a" else "a"\n',
            "10 is newer|does not boot",
        ),
        (
            "b boots at equal versions",
            'def plan(slots):\n    a, b = slots["a"], slots["b"]\n    if a is None and b is None:\n        return None, "a"\n    return ("b", "a") if a is None or (b is not None and b >= a) else ("a", "b")\n',
            "equal versions|does not boot",
        ),
        (
            "forgets that both may be bad",
            'def plan(slots):\n    a, b = (-1 if slots[n] is None else slots[n] for n in "ab")\n    return ("a", "b") if a >= b else ("b", "a")\n',
            "No slot verifies",
        ),
    ],
    "tflite_update-2": [
        (
            "writes in place",
            "def store(disk, name, content):\n    disk.write(name, content)\n    disk.sync(name)\n    disk.sync_folder()\n",
            "can't take back|neither old nor new",
        ),
        (
            "never syncs the file",
            "def store(disk, name, content):\n    disk.write('new', content)\n    disk.rename('new', name)\n    disk.sync_folder()\n",
            "can't take back|neither old nor new",
        ),
        (
            "syncs the file after the rename",
            "def store(disk, name, content):\n    disk.write('new', content)\n    disk.rename('new', name)\n    disk.sync(name)\n    disk.sync_folder()\n",
            "neither old nor new",
        ),
        (
            "never syncs the folder",
            "def store(disk, name, content):\n    disk.write('new', content)\n    disk.sync('new')\n    disk.rename('new', name)\n",
            "sync the folder as well",
        ),
        (
            "syncs the folder before the rename",
            "def store(disk, name, content):\n    disk.write('new', content)\n    disk.sync('new')\n    disk.sync_folder()\n    disk.rename('new', name)\n",
            "sync the folder as well",
        ),
        (
            "goes past the disk",
            "def store(disk, name, content):\n    (disk.place / name).write_bytes(content)\n",
            "can't take back",
        ),
        (
            "renames past the disk",
            "def store(disk, name, content):\n    disk.write('new', content)\n    disk.sync('new')\n    (disk.place / 'new').replace(disk.place / name)\n",
            "can't take back",
        ),
        (
            "leaves a file behind after a cut",
            "def store(disk, name, content):\n    new = f'{len(content)}-{name}'\n    disk.write(new, content)\n    disk.sync(new)\n    disk.rename(new, name)\n    disk.sync_folder()\n",
            "left lying there",
        ),
        (
            "keeps a copy",
            "def store(disk, name, content):\n    for n in (name + '.bak', name):\n        disk.write('new', content)\n        disk.sync('new')\n        disk.rename('new', n)\n        disk.sync_folder()\n",
            "No other file",
        ),
    ],
    "tflite_update-3": [
        (
            "checks no signature",
            _ACCEPT + _PARSE + _DIGEST + "    return version if version > running and version >= floor else None\n",
            "another key",
        ),
        (
            "does not look at the content",
            _ACCEPT
            + _VERIFY
            + _PARSE
            + "    return version if version > running and version >= floor and today <= expires else None\n",
            "compare its SHA-256",
        ),
        (
            "takes a downgrade",
            _ACCEPT + _VERIFY + _PARSE + _DIGEST + "    return version if today <= expires else None\n",
            "must be refused",
        ),
        (
            "knows no floor",
            _ACCEPT
            + _VERIFY
            + _PARSE
            + _DIGEST
            + "    return version if version > running and today <= expires else None\n",
            "a downgrade, even if",
        ),
        (
            "refuses for ever what was installed once",
            _ACCEPT
            + _VERIFY
            + _PARSE
            + _DIGEST
            + "    return version if version > max(running, floor) and today <= expires else None\n",
            "must be installable",
        ),
        (
            "compares versions as texts",
            _ACCEPT
            + _VERIFY
            + _PARSE
            + _DIGEST
            + "    return version if str(version) > str(running) and version >= floor and today <= expires else None\n",
            "compare numbers, not texts",
        ),
        (
            "never expires",
            _ACCEPT
            + _VERIFY
            + _PARSE
            + _DIGEST
            + "    return version if version > running and version >= floor else None\n",
            "expired update",
        ),
        (
            "takes all that int() takes",
            _ACCEPT
            + _VERIFY
            + _PARSE.replace('offer["version"]', 'int(offer["version"])')
            .replace('offer["expires"]', 'int(offer["expires"])')
            .replace("TypeError", "TypeError, OverflowError")
            + _DIGEST
            + "    return version if version > running and version >= floor and today <= expires else None\n",
            "no whole number",
        ),
        (
            "int() of an infinity, the reference of the first edition",
            _ACCEPT
            + _VERIFY
            + _PARSE.replace('offer["version"]', 'int(offer["version"])').replace(
                'offer["expires"]', 'int(offer["expires"])'
            )
            + _DIGEST
            + "    return version if version > running and version >= floor and today <= expires else None\n",
            "no whole number|stops the camera with OverflowError",
        ),
        (
            "true is a whole number of Python's",
            _ACCEPT
            + _VERIFY
            + _PARSE.replace(
                "type(version) is not int or type(expires) is not int",
                "not isinstance(version, int) or not isinstance(expires, int)",
            )
            + _DIGEST
            + "    return version if version > running and version >= floor and today <= expires else None\n",
            "true is no whole number",
        ),
        (
            "a hundred thousand brackets",
            _ACCEPT
            + _VERIFY
            + _PARSE.replace(", RecursionError", "")
            + _DIGEST
            + "    return version if version > running and version >= floor and today <= expires else None\n",
            "stops the camera with RecursionError",
        ),
        (
            "trusts that what is signed is well formed",
            _ACCEPT
            + _VERIFY
            + "    offer = json.loads(header)\n    good = offer['sha256'] == hashlib.sha256(content).hexdigest() and offer['version'] > running and offer['version'] >= floor and today <= offer['expires']\n    return offer['version'] if good else None\n",
            "stops the camera|no whole number",
        ),
        (
            "a digest in the header is enough for it",
            "def accept(header, signature, content, trusted, running, floor, today):\n    if hashlib.sha256(content).hexdigest().encode() not in header:\n        return None\n    offer = json.loads(header)\n    return offer['version'] if offer['version'] > running and today <= offer['expires'] else None\n",
            "another key",
        ),
    ],
}

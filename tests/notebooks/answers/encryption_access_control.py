"""Answers to the exercises of encryption_access_control: other right ones, and the classic wrong ones with their hints."""

RIGHT = {
    "encryption_access_control-1": [
        """
def seal_note(key, text, place):
    import secrets
    nonce = secrets.token_bytes(12)
    return b"".join([nonce, AESGCM(key).encrypt(nonce=nonce, data=text.encode("utf-8"), associated_data=place.encode("utf-8"))])
"""
    ],
    "encryption_access_control-2": [
        """
def rotate_store(store, masters, version):
    fresh = {p: dict(row) for p, row in store.items()}
    changed = 0
    for row in fresh.values():
        if row["version"] == version:
            continue
        row["wrapped"] = aes_key_wrap(masters[version], aes_key_unwrap(masters[row["version"]], row["wrapped"]))
        row["version"] = version
        changed += 1
    store.update(fresh)
    return changed
"""
    ],
    "encryption_access_control-3": [
        """
def verify(trail, anchors):
    before = [b"\\0" * 32, *(entry["hash"] for entry in trail)]
    for h, entry in zip(before, trail):
        digest = hashlib.sha256(h)
        digest.update(entry["text"])
        if digest.digest() != entry["hash"]:
            return "chain"
    for position in sorted(anchors):
        if position >= len(trail) or anchors[position] != trail[position]["hash"]:
            return "witness"
    return "ok"
"""
    ],
}

WRONG = {
    "encryption_access_control-1": [
        (
            "the nonce is missing",
            "def seal_note(key, text, place):\n    return AESGCM(key).encrypt(os.urandom(12), text.encode(), place.encode())\n",
            "12 bytes of nonce",
        ),
        (
            "not bound to the place",
            "def seal_note(key, text, place):\n    n = os.urandom(12)\n    return n + AESGCM(key).encrypt(n, text.encode(), None)\n",
            "with the place as its context",
        ),
        (
            "a nonce made of the text",
            "def seal_note(key, text, place):\n    n = hashlib.sha256(text.encode()).digest()[:12]\n    return n + AESGCM(key).encrypt(n, text.encode(), place.encode())\n",
            "never be used twice",
        ),
        (
            "a counter, which begins again after a restart",
            "import itertools\n_counter = itertools.count()\ndef seal_note(key, text, place):\n    n = next(_counter).to_bytes(12)\n    return n + AESGCM(key).encrypt(n, text.encode(), place.encode())\n",
            "no counter",
        ),
        (
            "seals no empty text",
            "def seal_note(key, text, place):\n    n = os.urandom(12)\n    return n + AESGCM(key).encrypt(n, text.encode(), place.encode()) if text else b''\n",
            "empty text",
        ),
        (
            "a nonce of zeros",
            "def seal_note(key, text, place):\n    n = bytes(12)\n    return n + AESGCM(key).encrypt(n, text.encode(), place.encode())\n",
            "never be used twice",
        ),
    ],
    "encryption_access_control-2": [
        (
            "wraps the wrapped key",
            "def rotate_store(store, masters, version):\n    rows = [r for r in store.values() if r['version'] != version]\n    for r in rows:\n        r.update(version=version, wrapped=aes_key_wrap(masters[version], r['wrapped']))\n    return len(rows)\n",
            "Unwrap with the OLD",
        ),
        (
            "forgets the version",
            "def rotate_store(store, masters, version):\n    rows = [r for r in store.values() if r['version'] != version]\n    for r in rows:\n        r['wrapped'] = aes_key_wrap(masters[version], aes_key_unwrap(masters[r['version']], r['wrapped']))\n    return len(rows)\n",
            "Note the new version",
        ),
        (
            "new data keys",
            "def rotate_store(store, masters, version):\n    rows = [r for r in store.values() if r['version'] != version]\n    for r in rows:\n        aes_key_unwrap(masters[r['version']], r['wrapped'])\n        r.update(version=version, wrapped=aes_key_wrap(masters[version], os.urandom(32)))\n    return len(rows)\n",
            "data key itself stays",
        ),
        (
            "one by one: half a rotation after an error",
            "def rotate_store(store, masters, version):\n    n = 0\n    for r in store.values():\n        if r['version'] != version:\n            r['wrapped'] = aes_key_wrap(masters[version], aes_key_unwrap(masters[r['version']], r['wrapped']))\n            r['version'] = version\n            n += 1\n    return n\n",
            "nothing may have changed",
        ),
        (
            "skips what it can't unwrap",
            "def rotate_store(store, masters, version):\n    n = 0\n    for r in store.values():\n        try:\n            if r['version'] != version:\n                r['wrapped'] = aes_key_wrap(masters[version], aes_key_unwrap(masters[r['version']], r['wrapped']))\n                r['version'] = version\n                n += 1\n        except (InvalidUnwrap, KeyError):\n            pass\n    return n\n",
            "skipped silently",
        ),
        (
            "wraps all of them",
            "def rotate_store(store, masters, version):\n    fresh = {p: aes_key_wrap(masters[version], aes_key_unwrap(masters[r['version']], r['wrapped'])) for p, r in store.items()}\n    for p, w in fresh.items():\n        store[p].update(version=version, wrapped=w)\n    return len(fresh)\n",
            "return how many you changed",
        ),
        (
            "only what is older",
            "def rotate_store(store, masters, version):\n    fresh = {p: aes_key_wrap(masters[version], aes_key_unwrap(masters[r['version']], r['wrapped'])) for p, r in store.items() if r['version'] < version}\n    for p, w in fresh.items():\n        store[p].update(version=version, wrapped=w)\n    return len(fresh)\n",
            "newer version than the one asked for",
        ),
    ],
    "encryption_access_control-3": [
        (
            "hashes the texts alone",
            "def verify(trail, anchors):\n    if any(hashlib.sha256(e['text']).digest() != e['hash'] for e in trail):\n        return 'chain'\n    return 'ok'\n",
            "A chain that holds is ok",
        ),
        (
            "has no use for the witness",
            "def verify(trail, anchors):\n    p = bytes(32)\n    for e in trail:\n        p = hashlib.sha256(p + e['text']).digest()\n        if p != e['hash']:\n            return 'chain'\n    return 'ok'\n",
            "the witness has seen an entry 19",
        ),
        (
            "skips anchors beyond the end",
            "def verify(trail, anchors):\n    p = bytes(32)\n    for i, e in enumerate(trail):\n        p = hashlib.sha256(p + e['text']).digest()\n        if p != e['hash']:\n            return 'chain'\n        if anchors.get(i, p) != p:\n            return 'witness'\n    return 'ok'\n",
            "cut off",
        ),
        (
            "compares the length only",
            "def verify(trail, anchors):\n    p = bytes(32)\n    for e in trail:\n        p = hashlib.sha256(p + e['text']).digest()\n        if p != e['hash']:\n            return 'chain'\n    return 'witness' if anchors and max(anchors) >= len(trail) else 'ok'\n",
            "remembers the old hash",
        ),
        (
            "asks the witness first",
            "def verify(trail, anchors):\n    if any(i >= len(trail) or trail[i]['hash'] != h for i, h in anchors.items()):\n        return 'witness'\n    p = bytes(32)\n    for e in trail:\n        p = hashlib.sha256(p + e['text']).digest()\n        if p != e['hash']:\n            return 'chain'\n    return 'ok'\n",
            "told first",
        ),
        (
            "asks the last anchor alone",
            "def verify(trail, anchors):\n    p = bytes(32)\n    for e in trail:\n        p = hashlib.sha256(p + e['text']).digest()\n        if p != e['hash']:\n            return 'chain'\n    if not anchors:\n        return 'ok'\n    i = max(anchors)\n    return 'ok' if i < len(trail) and trail[i]['hash'] == anchors[i] else 'witness'\n",
            "not only the last",
        ),
        (
            "counts from 1",
            "def verify(trail, anchors):\n    p = bytes(32)\n    for e in trail:\n        p = hashlib.sha256(p + e['text']).digest()\n        if p != e['hash']:\n            return 'chain'\n    return 'ok' if all(0 < i <= len(trail) and trail[i - 1]['hash'] == h for i, h in anchors.items()) else 'witness'\n",
            "agrees with both anchors",
        ),
        (
            "takes position 0 for no position",
            "def verify(trail, anchors):\n    p = bytes(32)\n    for e in trail:\n        p = hashlib.sha256(p + e['text']).digest()\n        if p != e['hash']:\n            return 'chain'\n    return 'witness' if any(i and (i >= len(trail) or trail[i]['hash'] != h) for i, h in anchors.items()) else 'ok'\n",
            "first entry",
        ),
    ],
}

"""A node's own share, in a container on the pods' network: it asks their probes, and the Services' names lead to it.

It listens on the ports of Services that have a pod that is ready, and hands each connection to one; where none is ready a
connection is refused, both as kube-proxy does it. Docker publishes those ports on loopback, which takes the place of ``kubectl
port-forward``. On ``CONTROL`` it takes a line of JSON a connection and answers with one. Standard library only: it runs in the
base image.
"""

import asyncio
import contextlib
import itertools
import json

CONTROL = 10256
#: by the Service's port, the addresses of the pods that are ready
endpoints: dict[str, list] = {}
servers: dict[str, asyncio.Server] = {}
turn, one_order = itertools.count(), asyncio.Lock()


async def asked(probe: dict) -> str:
    """One attempt; raises where it fails."""
    reader, writer = await asyncio.open_connection(probe["ip"], probe["port"])
    try:
        if "path" not in probe:
            return "open"
        host = f"{probe['ip']}:{probe['port']}"
        writer.write(f"GET {probe['path']} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        status = (await reader.readline()).decode().strip()
        if not 200 <= int(status.split()[1]) < 400:
            raise ValueError(status)
        return status
    finally:
        writer.close()


async def control(reader, writer) -> None:
    order = json.loads(await reader.readline())
    if "endpoints" in order:
        async with one_order:
            await lead(order["endpoints"])
        said = {"passed": True, "why": ""}
    else:
        try:
            why = await asyncio.wait_for(asked(order), order["seconds"])
            said = {"passed": True, "why": why}
        except (OSError, ValueError, IndexError, TimeoutError) as error:
            said = {"passed": False, "why": f"{type(error).__name__} {error}"}
    writer.write(json.dumps(said).encode() + b"\n")
    await writer.drain()
    writer.close()


async def lead(new: dict[str, list]) -> None:
    """From now on the Services lead there; what is connected stays so."""
    endpoints.clear()
    endpoints.update({port: ready for port, ready in new.items() if ready})
    for port in servers.keys() - endpoints.keys():
        servers.pop(port).close()
    for port in endpoints.keys() - servers.keys():
        servers[port] = await asyncio.start_server(lambda r, w, p=port: hand_on(p, r, w), "0.0.0.0", int(port))  # noqa: S104


async def hand_on(port: str, reader, writer) -> None:
    try:
        ready = endpoints[port]
        ip, target = ready[next(turn) % len(ready)]
        there, thence = await asyncio.open_connection(ip, target)
    except (OSError, KeyError):  # it has just gone
        writer.transport.abort()
        return
    await asyncio.gather(pump(reader, thence), pump(there, writer))
    thence.close()
    writer.close()


async def pump(reader, writer) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(2**16):
            writer.write(piece)
            await writer.drain()
        writer.write_eof()
        return
    writer.transport.abort()  # the other side has gone without a word


async def main() -> None:
    server = await asyncio.start_server(control, "0.0.0.0", CONTROL)  # noqa: S104  (in a container)
    print("listening", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())

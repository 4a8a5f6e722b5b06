"""A metadata service for one connection, on standard input and output: `metadata.py FOLDER`."""

import sys
from pathlib import Path

path = sys.stdin.buffer.readline().split()[1].decode().strip("/")
while sys.stdin.buffer.readline().strip():
    pass
found = Path(sys.argv[1]) / path.replace("/", "!")
body = found.read_bytes() if found.exists() else b"no such thing"
status = "200 OK" if found.exists() else "404 Not Found"
head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
sys.stdout.buffer.write(head.encode() + body)
sys.stdout.buffer.flush()

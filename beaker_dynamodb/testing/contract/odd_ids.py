"""Session ids that no browser sends by itself."""


def as_wsgi(text: str, encoding: str) -> str:
    """Text as a server passes it on: each byte is a character."""
    return text.encode(encoding).decode("latin-1")


ODD_IDS = {
    "empty": "",
    "empty quotes": '""',
    "a space in quotes": '" "',
    "100,000 characters": "x" * 100_000,
    "latin-1": as_wsgi("é" * 16, "latin-1"),
    "utf-8": as_wsgi("日本" * 16, "utf-8"),
    "latin-1 in quotes": as_wsgi('"é"', "latin-1"),
    "utf-8 in quotes": as_wsgi('"日本"', "utf-8"),
    "escaped bytes": '"\\303\\251\\000"',
    "a quote": 'abc"def',
    "an open quote": '"abc',
    "a quote in quotes": '"a\\"b"',
    "control characters": "a\x01\x1f\x7fb",
    "control characters in quotes": '"a\x00\x01\x1f\x7fb"',
    "a line break in quotes": '"a\r\nSet-Cookie: b=c"',
    "a path": "../../etc/passwd",
    "separators": "a:b/c|d#e",
    "JSON": '{"id": 1}',
}

NEAR_IDS = {
    "upper case": lambda known: known.upper(),
    "a space after it": lambda known: f'"{known} "',
    "a zero byte after it": lambda known: f'"{known}\\000"',
    "cut short": lambda known: known[:-1],
    "twice": lambda known: known * 2,
    "behind a prefix": lambda known: f":{known}",
}

UNKNOWN_IDS = {
    "as Beaker makes them": "0" * 32,
    "empty": "",
    "100,000 characters": "x" * 100_000,
    "not ASCII": "ключ",
    "spaces": " a b ",
}

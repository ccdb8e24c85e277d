"""Beginnings of Python files, by how they are encoded: read by Python, or refused."""

#: what Python reads as "# é" and the loss, by how it is encoded
READABLE = {
    "BOM": "\N{BOM}# é\n".encode(),
    "BOM and cookie": "\N{BOM}# -*- coding: utf-8 -*-\n# é\n".encode(),
    "latin-1": "# -*- coding: latin-1 -*-\n# é\n".encode("latin-1"),
    "second line": "#!python\n# vim: set fileencoding=cp1252 :\n# €é\n".encode("cp1252"),
    "CRLF": "# é\r\n".encode(),
}
#: what Python refuses, and how it is told: the line and the reason
UNREADABLE = {
    "latin-1": ("# é\n".encode("latin-1"), "1: SyntaxError: the byte 0xe9 is not UTF-8: save"),
    "later": ("x = 1\n\ny = 'é'\n".encode("latin-1"), "3: SyntaxError: the byte 0xe9 is not"),
    "UTF-16": ("x = 1\n".encode("utf-16-le"), "1: SyntaxError: there is a null byte"),
    "null": (b"x = 1\ny = '\0'\n", "2: SyntaxError: there is a null byte"),
    "unknown": (b"# coding: nonsense\n", "1: SyntaxError: unknown encoding"),
    "no text": (b"# coding: rot13\n", "1: SyntaxError: encoding problem"),
}

"""How Python reads the encodings that a server may have."""

from __future__ import annotations

_PYTHON_CODECS = {"SQL_ASCII": "utf-8", "LATIN6": "iso8859-10", "LATIN7": "iso8859-13", "LATIN8": "iso8859-14"}
_PYTHON_CODECS |= {"LATIN9": "iso8859-15", "LATIN10": "iso8859-16", "WIN866": "cp866", "EUC_JIS_2004": "euc_jis_2004"}
_PYTHON_CODECS |= {
    "EUC_CN": "gb2312",
    "EUC_TW": "utf-8",
    "MULE_INTERNAL": "utf-8",
    "KOI8R": "koi8-r",
    "KOI8U": "koi8-u",
}


def codec(server_encoding: str) -> str:
    """Python's name for an encoding of PostgreSQL; UTF-8 for those that Python does not have."""
    if server_encoding.startswith("WIN") and server_encoding not in _PYTHON_CODECS:
        return "cp" + server_encoding[3:]
    return _PYTHON_CODECS.get(server_encoding, server_encoding)


def decoded_text(text: bytes, encoding: str) -> str:
    """The text; of another encoding as utf8_text() tells it in the database, by which a statement is known again."""
    try:
        return text.decode(encoding)
    except UnicodeDecodeError:
        return "".join(chr(byte) if byte < 128 else f"\\{byte:03o}" for byte in text)

"""Writes tests/data/dialects.jsonl and tests/data/encodings.jsonl, which the unit tests compare with the command's readers.

dialects.jsonl: an object a line: the settings of [input], a text in hexadecimal (its bytes are taken for Latin-1), and its records
as Python's csv reads them in strict mode: [line, fields], or [line, null] for a record that it refuses, whose first line is skipped.
Half of the texts are written by Python's csv, the others have changed bytes. A text does not end with an escaped line end, which
Python refuses at the end of a file.

encodings.jsonl: an encoding, a text in hexadecimal, and its lines as Python's codec decodes them; null if it refuses a line.
"""
import csv
import io
import json
import pathlib
import random

csv.field_size_limit(1 << 30)
FOLDER = pathlib.Path(__file__).parent.parent / "data"
DIALECTS = [
    {"delimiter": ";"},
    {"delimiter": "\t"},
    {"delimiter": "|", "quote": "'"},
    {"delimiter": "\t", "quote": ""},
    {"escape": "\\"},
    {"delimiter": ";", "quote": "'", "escape": "^"},
    {"comment": "#"},
    {"comment": "%", "escape": "\\", "delimiter": "|"},
    {"skip_lines": "2"},
    {"skip_lines": "3", "comment": "#", "delimiter": "\t"},
]


def options(dialect):
    quote = dialect.get("quote", '"')
    return {
        "delimiter": dialect.get("delimiter", ","),
        "quotechar": quote or None,
        "quoting": csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        "escapechar": dialect.get("escape"),
    }


def written(dialect, lots):
    """A table as Python's csv writes it."""
    letters = ["a", "b", " ", "é", *'",;\t|\'#%^\\']
    if dialect.get("quote") != "":
        letters += ["\n", "\r"]
    else:
        letters.remove(dialect["delimiter"])
    columns = lots.randint(1, 4)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=lots.choice(["\n", "\r\n", "\r"]), **options(dialect))
    for _ in range(lots.randint(1, 7)):
        fields = ["".join(lots.choices(letters, k=lots.randint(0, 5))) for _ in range(columns)]
        if fields == [""] and dialect.get("quote") == "":
            continue
        if dialect.get("comment") and lots.random() < 0.2:
            text.write(dialect["comment"] + fields[0].replace("\n", "").replace("\r", "") + "\n")
        elif not dialect.get("comment") or not fields[0].startswith(dialect["comment"]):
            writer.writerow(fields)
    return text.getvalue()


def damaged(text, dialect, lots):
    """The text with some bytes inserted, removed or replaced."""
    text = list(text)
    for _ in range(lots.randint(1, 3)):
        at = lots.randint(0, len(text))
        text[at : at + lots.randint(0, 1)] = lots.choice([*'",\n\r ax;\'\\#', *dialect.values()][:14])[:1]
    return "".join(text)


def records(text, dialect):
    # As open(newline="") does: lines end with \n, \r\n or \r, and keep their line ends.
    lines = list(io.StringIO(text, newline=""))
    at, found = int(dialect.get("skip_lines", 0)), []
    while at < len(lines):
        if dialect.get("comment") and lines[at].startswith(dialect["comment"]):
            at += 1
            continue
        reader = csv.reader(iter(lines[at:]), strict=True, **options(dialect))
        try:
            fields = next(reader)
            if fields:
                found.append([at + 1, fields])
            at += reader.line_num
        except csv.Error:
            found.append([at + 1, None])
            at += 1
    return found


def dialects(lots):
    for dialect in DIALECTS:
        for number in range(70):
            text = written(dialect, lots)
            if number % 2:
                text = damaged(text, dialect, lots)
            escape = dialect.get("escape")
            if escape and text.rstrip("\r\n").endswith(escape):
                continue
            yield {"settings": list(dialect.items()), "text": text.encode("latin-1").hex(), "records": records(text, dialect)}


def encodings(lots):
    for name in ["utf-8", "utf-16", "utf-16le", "utf-16be", "latin-1", "windows-1252"]:
        for number in range(40):
            wide = name.startswith("utf-16")
            order = "utf-16be" if name == "utf-16be" else "utf-16le"
            lines = []
            for _ in range(lots.randint(1, 6)):
                text = "".join(lots.choices("ab,é€Ωא漢😀\ue000\uffff", k=lots.randint(0, 6)))
                if wide:
                    line = text.encode(order)
                    if lots.random() < 0.3:
                        at = lots.randint(0, len(line) // 2) * 2
                        line = line[:at] + bytes(lots.choice([[0x00, 0xD8], [0xD8, 0x00], [0xDF, 0x12], [0x12, 0xDC]])) + line[at:]
                elif name == "utf-8":
                    line = text.encode()
                    if lots.random() < 0.3:
                        at = lots.randint(0, len(line))
                        line = line[:at] + bytes([lots.choice([0x80, 0xC3, 0xE2, 0xED, 0xF0, 0xFF])]) + line[at:]
                else:
                    line = bytes(b for b in lots.choices(range(256), k=lots.randint(0, 12)) if b not in b"\r\n")
                    if lots.random() < 0.5:
                        line = bytes(b for b in line if b not in b"\x81\x8d\x8f\x90\x9d")
                # A unit of two bytes may have become a line end.
                if wide and any(line[i : i + 2] in ("\n".encode(order), "\r".encode(order)) for i in range(0, len(line), 2)):
                    line = b""
                lines.append(line)
            end = "\n".encode(order) if wide else b"\n"
            mark = "\ufeff".encode(order) if name == "utf-16" and number % 2 else b""

            def decoded(line):
                try:
                    return line.decode(order if wide else name)
                except UnicodeDecodeError:
                    return None

            whole = mark + b"".join(line + end for line in lines)
            yield {"encoding": name, "text": whole.hex(), "lines": [decoded(line) for line in lines]}


def write(name, vectors):
    with open(FOLDER / name, "w", newline="\n") as file:
        file.writelines(json.dumps(vector) + "\n" for vector in vectors)


write("dialects.jsonl", dialects(random.Random(18)))
write("encodings.jsonl", encodings(random.Random(81)))

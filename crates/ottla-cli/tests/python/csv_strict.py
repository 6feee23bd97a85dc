"""Reads damaged texts with Python's csv in strict mode, one record at a time, to compare with the command's CSV reader.

stdin has a text a line, in hexadecimal (its bytes are taken for Latin-1); for each, stdout has a JSON list of its records:
[line, fields], or [line, null] for a record that strict mode refuses, whose first line is skipped.
"""
import csv
import io
import json
import sys

csv.field_size_limit(1 << 30)


def records(text):
    # As open(newline="") does: lines end with \n, \r\n or \r, and keep their line ends.
    lines = list(io.StringIO(text, newline=""))
    at, found = 0, []
    while at < len(lines):
        reader = csv.reader(iter(lines[at:]), strict=True)
        try:
            fields = next(reader)
            if fields:
                found.append([at + 1, fields])
            at += reader.line_num
        except csv.Error:
            found.append([at + 1, None])
            at += 1
    return found


for line in sys.stdin:
    print(json.dumps(records(bytes.fromhex(line.strip()).decode("latin-1"))))

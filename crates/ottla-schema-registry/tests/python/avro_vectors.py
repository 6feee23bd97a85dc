"""Prints tests/data/avro.json: the bytes that fastavro writes for schemas and values of every type. The argument is the path of the file."""
import datetime, decimal, io, json, sys, uuid
import fastavro

def rec(kind, name="R"):
    return {"type": "record", "name": name, "fields": [{"name": "f", "type": kind}]}

CASES = []
def case(schema, *values):
    for value in values:
        py, js = value if isinstance(value, tuple) else (value, value)
        CASES.append((schema, py, js))

case("null", None)
case("boolean", True, False)
case("int", 0, -1, 1, 63, 64, -64, -65, 2147483647, -2147483648)
case("long", 0, 2147483648, -9223372036854775808, 9223372036854775807)
case("float", 0.0, 1.5, -0.25)
case("double", 0.0, 1.1, -2.5e300)
case("string", "", "text", "naïve ☃ 𝄞", "x" * 100)
case({"type": "fixed", "name": "F", "size": 4}, (b"\x00\x01\xfe\xff", [0, 1, 254, 255]))
case(rec("bytes"), ({"f": b"\x00\xff\x10"}, {"f": [0, 255, 16]}), ({"f": b""}, {"f": []}))
case({"type": "enum", "name": "E", "symbols": ["A", "B", "C"]}, "A", "C")
case({"type": "array", "items": "long"}, [], [1, 2, 3], list(range(100)))
case({"type": "map", "values": "string"}, {}, {"a": "b"}, {"k": ""})
case({"type": "array", "items": {"type": "array", "items": "string"}}, [[], ["a"]])
case(["null", "string"], None, "x")
case(["string", "null"], None, "x")
case(["null", "int", "string", {"type": "array", "items": "int"}, {"type": "map", "values": "int"}], None, 5, "x", [1], {"a": 1})
case(["null", "long", "double"], 1, 2.5)
case(rec({"type": "record", "name": "S", "fields": [{"name": "a", "type": "int"}, {"name": "b", "type": ["null", "R"]}]}),
     {"f": {"a": 1, "b": None}}, {"f": {"a": 1, "b": {"f": {"a": 2, "b": None}}}})
case({"type": "record", "name": "D", "namespace": "a.b", "fields": [
    {"name": "x", "type": "int", "default": 7}, {"name": "y", "type": ["null", "string"], "default": None},
    {"name": "z", "type": {"type": "array", "items": "int"}, "default": []}, {"name": "w", "type": "string"}]},
    {"w": "only"}, {"x": 1, "y": "y", "z": [1], "w": "all"})
case(rec({"type": "record", "name": "T", "namespace": "n", "fields": [{"name": "e", "type": {"type": "enum", "name": "K", "symbols": ["P", "Q"]}},
     {"name": "g", "type": "K"}, {"name": "h", "type": "n.K"}]}), {"f": {"e": "P", "g": "Q", "h": "Q"}})
dec = {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}
case(rec(dec), *[({"f": decimal.Decimal(t)}, {"f": t}) for t in ["0.00", "12.50", "-12.50", "1.27", "1.28", "-1.29", "327.67", "327.68", "99999999.99", "-0.01", "5", "5.1"]])
fdec = {"type": "fixed", "name": "FD", "size": 6, "logicalType": "decimal", "precision": 10, "scale": 3}
case(rec(fdec), *[({"f": decimal.Decimal(t)}, {"f": t}) for t in ["0", "1.5", "-1.5", "9999999.999"]])
case(rec({"type": "int", "logicalType": "date"}), ({"f": datetime.date(2013, 1, 1)}, {"f": 15706}))
case(rec({"type": "long", "logicalType": "timestamp-millis"}), ({"f": datetime.datetime(2013, 1, 1, 5, 15, tzinfo=datetime.timezone.utc)}, {"f": 1357017300000}))
case(rec({"type": "long", "logicalType": "timestamp-micros"}), ({"f": datetime.datetime(2013, 1, 1, 5, 15, 0, 1, tzinfo=datetime.timezone.utc)}, {"f": 1357017300000001}))
case(rec({"type": "int", "logicalType": "time-millis"}), ({"f": datetime.time(1, 2, 3, 4000)}, {"f": 3723004}))
case(rec({"type": "long", "logicalType": "time-micros"}), ({"f": datetime.time(1, 2, 3, 4)}, {"f": 3723000004}))
U = uuid.UUID("12345678-1234-5678-1234-567812345678")
case(rec({"type": "string", "logicalType": "uuid"}), ({"f": U}, {"f": str(U)}))
case(rec(["null", dec]), ({"f": decimal.Decimal("1.10")}, {"f": "1.10"}), {"f": None})

out = []
for schema, py, js in CASES:
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(json.loads(json.dumps(schema))), py)
    out.append({"schema": schema, "value": js, "bytes": buffer.getvalue().hex()})
with open(sys.argv[1], "w") as file:
    file.write("[\n" + ",\n".join(" " + json.dumps(row, ensure_ascii=False) for row in out) + "\n]\n")
print(len(out), "rows")

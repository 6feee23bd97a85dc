# Prints the output of confluent-kafka-python's serializers, as JSON: the source of tests/data/schema-registry-vectors.json. Run with
#   python3 -m venv VENV && VENV/bin/pip install -r tests/python/requirements.txt
#   VENV/bin/python tests/python/schema_registry_vectors.py > tests/data/schema-registry-vectors.json
# No server is needed: confluent-kafka has a mock of the registry. Every vector has its own, whose ids begin at 1 with the first
# reference. A value is in Avro's JSON encoding, in Protobuf's JSON mapping, or the JSON itself. "schema" is the user's schema,
# "registered" the one that Python registers if it differs. A vector with ids in headers has "header", its value, and "guid".

import datetime
import io
import json
import tempfile
import uuid
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from unittest import mock

import fastavro
from confluent_kafka.schema_registry import Schema, SchemaReference, header_schema_id_serializer, topic_subject_name_strategy
from confluent_kafka.schema_registry._sync.mock_schema_registry_client import MockSchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from grpc_tools import protoc

HEADERS = {MessageField.KEY: "__key_schema_id", MessageField.VALUE: "__value_schema_id"}


class Registry(MockSchemaRegistryClient):
    """The mock, with GUIDs that are the same in every run."""

    def __init__(self):
        super().__init__({"url": "mock://"})

    def register_schema_full_response(self, subject_name, schema, normalize_schemas=False):
        guid = uuid.uuid5(uuid.NAMESPACE_URL, f"{subject_name} {schema.schema_str}")
        with mock.patch("uuid.uuid4", return_value=guid):
            return super().register_schema_full_response(subject_name, schema, normalize_schemas)

    def references(self, schema):
        """A schema's references in the form of the vectors, each with its own references."""
        shown = []
        for reference in schema.references or []:
            found = self.get_version(reference.subject, reference.version)
            entry = {"name": reference.name, "subject": reference.subject, "version": reference.version, "id": found.schema_id}
            entry["schema"] = found.schema.schema_str
            if inner := self.references(found.schema):
                entry["references"] = inner
            shown.append(entry)
        return shown


class Case:
    """The shared part of all three formats."""

    def __init__(self, name, topic="orders", field=MessageField.VALUE, headers=False):
        self.name, self.registry, self.headers = name, Registry(), headers
        self.context = SerializationContext(topic, field, [] if headers else None)
        self.settings = {"subject.name.strategy": topic_subject_name_strategy}
        if headers:
            self.settings["schema.id.serializer"] = header_schema_id_serializer

    def vector(self, serializer, schema, value, shown, **more):
        data = serializer(value, self.context)
        subject = topic_subject_name_strategy(self.context, None)
        registered = self.registry.get_latest_version(subject)
        entry = {"name": self.name, "format": registered.schema.schema_type, "topic": self.context.topic, "subject": subject}
        entry |= {"id": registered.schema_id} | more | {"schema": schema}
        if registered.schema.schema_str != schema:
            entry["registered"] = registered.schema.schema_str
        if references := self.registry.references(registered.schema):
            entry["references"] = references
        entry |= {"value": shown, "bytes": data.hex()}
        if self.headers:
            entry |= {"guid": registered.guid, "header": dict(self.context.headers)[HEADERS[self.context.field]].hex()}
        return entry


def avro(name, schema, value, references=(), recursive=False, **where):
    case = Case(name, **where)
    named, given = {}, []
    for reference in references:
        full_name = f"{reference['namespace']}.{reference['name']}"
        case.registry.register_schema(full_name, Schema(json.dumps(reference), "AVRO", list(given)))
        given.append(SchemaReference(full_name, full_name, 1))
        fastavro.parse_schema(reference, named_schemas=named)
    text = json.dumps(schema)
    serializer = AvroSerializer(case.registry, Schema(text, "AVRO", given), conf=case.settings)
    # fastavro's writer of Avro's JSON encoding does not terminate on a recursive schema.
    shown = value if recursive else avro_json(fastavro.parse_schema(schema, named_schemas=named), value)
    return case.vector(serializer, text, value, shown)


def avro_json(schema, value):
    output = io.StringIO()
    fastavro.json_writer(output, schema, [value])
    return json.loads(output.getvalue())


def record(name, *fields, **more):
    return {"type": "record", "name": name, **more, "fields": [{"name": field, "type": kind} for field, kind in fields]}


def logical(kind, logical_type, **more):
    return {"type": kind, "logicalType": logical_type, **more}


def avro_vectors():
    moment = datetime.datetime(2026, 2, 28, 23, 59, 58, 123456, datetime.timezone.utc)
    order = record("Order", ("id", "string"), ("quantity", "int"), namespace="shop")
    customer = record("Customer", ("name", "string"), ("vip", "boolean"), namespace="shop")
    address = record("Address", ("street", "string"), ("customer", "shop.Customer"), namespace="shop")
    tree = record("Node", ("value", "int"), ("children", {"type": "array", "items": "Node"}))
    suit = {"type": "enum", "name": "Suit", "symbols": ["SPADES", "HEARTS", "CLUBS"]}
    digest = {"type": "fixed", "name": "Digest", "size": 4}
    either = ["null", "string", "long", {"type": "array", "items": "double"}, order]
    primitives = record(
        "Primitives", ("nothing", "null"), ("flag", "boolean"), ("small", "int"), ("large", "long"), ("single", "float"),
        ("double", "double"), ("raw", "bytes"), ("text", "string"),
    )
    yield avro("record", order, {"id": "order-1", "quantity": 3})
    yield avro("record as a key", order, {"id": "order-1", "quantity": 3}, field=MessageField.KEY)
    yield avro("record, id in the header", order, {"id": "order-1", "quantity": 3}, headers=True)
    yield avro("primitives", primitives, {
        "nothing": None, "flag": True, "small": -(2**31), "large": 2**63 - 1, "single": 0.5, "double": -1e300, "raw": b"\x00\xff\x7f",
        "text": "naïve €𝄞",
    })
    yield avro("primitives at zero", primitives, {
        "nothing": None, "flag": False, "small": 0, "large": 0, "single": 0.0, "double": 0.0, "raw": b"", "text": "",
    })
    yield avro("bare boolean", {"type": "boolean"}, True)
    yield avro("bare int", {"type": "int"}, -65)
    yield avro("bare long", {"type": "long"}, 1 << 40)
    yield avro("bare float", {"type": "float"}, 1.5)
    yield avro("bare double", {"type": "double"}, 0.1)
    yield avro("bare string", {"type": "string"}, "o-1")
    yield avro("bare bytes", {"type": "bytes"}, b"\x00\x01\xfe")
    yield avro("bare bytes, empty", {"type": "bytes"}, b"")
    yield avro("bare enum", suit, "CLUBS")
    yield avro("bare fixed", digest, b"\xde\xad\xbe\xef")
    yield avro("bare array", {"type": "array", "items": "long"}, [1, -1, 1000000])
    yield avro("bare map", {"type": "map", "values": "int"}, {"a": 1})
    yield avro("complex", record(
        "Complex", ("suit", suit), ("digest", digest), ("numbers", {"type": "array", "items": "int"}), ("empty", {"type": "array", "items": "int"}),
        ("counts", {"type": "map", "values": "long"}), ("order", order), ("again", "shop.Order"), ("either", ["null", "Digest", "Suit"]),
    ), {
        "suit": "HEARTS", "digest": b"\x01\x02\x03\x04", "numbers": [1, 2, 3], "empty": [], "counts": {"é": -1},
        "order": {"id": "a", "quantity": 1}, "again": {"id": "b", "quantity": -1}, "either": b"\x05\x06\x07\x08",
    })
    for label, value in [("null", None), ("string", "x"), ("long", 64), ("array", [0.5]), ("record", {"id": "u", "quantity": 0})]:
        yield avro(f"union, {label}", record("Event", ("what", either)), {"what": value})
    yield avro("bare union", ["null", "int"], 7)
    branches = [{"value": 2, "children": []}, {"value": 3, "children": []}]
    yield avro("recursive", tree, {"value": 1, "children": branches}, recursive=True)
    yield avro("logical types", record(
        "Logical", ("amount", logical("bytes", "decimal", precision=10, scale=2)), ("debt", logical("bytes", "decimal", precision=10, scale=2)),
        ("exact", logical("fixed", "decimal", name="Exact", size=6, precision=12, scale=4)), ("day", logical("int", "date")),
        ("millis", logical("int", "time-millis")), ("micros", logical("long", "time-micros")), ("at_millis", logical("long", "timestamp-millis")),
        ("at_micros", logical("long", "timestamp-micros")), ("id", logical("string", "uuid")), ("maybe", ["null", logical("int", "date")]),
    ), {
        "amount": Decimal("12.34"), "debt": Decimal("-0.01"), "exact": Decimal("-12345.6789"), "day": datetime.date(1969, 12, 31),
        "millis": datetime.time(23, 59, 58, 123000), "micros": datetime.time(0, 0, 0, 1), "at_millis": moment, "at_micros": moment,
        "id": uuid.UUID("0190163d-8694-739b-aea5-966c26f8ad91"), "maybe": datetime.date(2026, 2, 28),
    })
    yield avro("reference", record("Purchase", ("order", "shop.Order"), ("paid", "boolean"), namespace="shop"),
               {"order": {"id": "o-1", "quantity": 2}, "paid": True}, references=[order])
    yield avro("reference that has a reference", record("Parcel", ("to", "shop.Address"), ("grams", "int"), namespace="shop"),
               {"to": {"street": "Main", "customer": {"name": "Ada", "vip": True}}, "grams": 500}, references=[customer, address])


PROTO = {
    "shop/money.proto": """syntax = "proto3";
package shop;

message Money {
  string currency = 1;
  int64 cents = 2;
}
""",
    "shop/customer.proto": """syntax = "proto3";
package shop;

import "shop/money.proto";

message Customer {
  string name = 1;
  Money balance = 2;
}
""",
    "shop/order.proto": """syntax = "proto3";
package shop;

import "google/protobuf/timestamp.proto";
import "shop/customer.proto";

message Order {
  string id = 1;
  Customer customer = 2;
  google.protobuf.Timestamp at = 3;
}
""",
    "nested.proto": """syntax = "proto3";
package nested;

message First {
  message Inner {
    int32 number = 1;
  }
  string text = 1;
  Inner inner = 2;
}

message Second {
  message Inner {
    bool flag = 1;
  }
  sint64 number = 1;
  repeated uint32 numbers = 2;
}

message Third {
  message Left {
    string text = 1;
  }
  message Right {
    bytes raw = 1;
  }
}
""",
    "everything.proto": """syntax = "proto3";
package test;

enum Color {
  COLOR_UNSPECIFIED = 0;
  RED = 1;
  BLUE = -1;
}

message Everything {
  double double = 1;
  float float = 2;
  int32 int32 = 3;
  int64 int64 = 4;
  uint32 uint32 = 5;
  uint64 uint64 = 6;
  sint32 sint32 = 7;
  sint64 sint64 = 8;
  fixed32 fixed32 = 9;
  fixed64 fixed64 = 10;
  sfixed32 sfixed32 = 11;
  sfixed64 sfixed64 = 12;
  bool bool = 13;
  string string = 14;
  bytes bytes = 15;
  Color color = 16;
  repeated sint32 packed = 17;
  repeated string texts = 18;
  map<string, Color> colors = 19;
  optional int32 optional = 20;
  oneof choice {
    string name = 21;
    int64 number = 22;
  }
}
""",
    "known.proto": """syntax = "proto3";

import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";

message Known {
  google.protobuf.Timestamp timestamp = 1;
  google.protobuf.Duration duration = 2;
  google.protobuf.Int64Value wrapped = 3;
  google.protobuf.Struct struct = 4;
  google.protobuf.Empty empty = 5;
  google.protobuf.FieldMask mask = 6;
  google.protobuf.ListValue list = 7;
  google.protobuf.Any any = 8;
}
""",
    "old.proto": """syntax = "proto2";
package old;

message Old {
  required string id = 1;
  optional int32 count = 2 [default = 7];
  repeated int32 numbers = 3;
  optional group Detail = 4 {
    optional string text = 5;
  }
}
""",
}


def compiled():
    """The descriptors of PROTO, in a separate pool."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in PROTO.items():
            path = Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        known = Path(protoc.__file__).parent / "_proto"
        output = Path(folder, "set")
        if protoc.main(["protoc", f"-I{folder}", f"-I{known}", f"--descriptor_set_out={output}", "--include_imports", *PROTO]) != 0:
            raise SystemExit("protoc failed")
        files = descriptor_pb2.FileDescriptorSet.FromString(output.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return pool


def protobuf(pool, name, file, message, value, **where):
    case = Case(name, **where)
    kind = message_factory.GetMessageClass(pool.FindMessageTypeByName(message))
    serializer = ProtobufSerializer(kind, case.registry, case.settings)
    parsed = json_format.ParseDict(value, kind(), descriptor_pool=pool)
    return case.vector(serializer, PROTO[file], parsed, value, file=file, message=message)


def protobuf_vectors():
    pool = compiled()
    yield protobuf(pool, "index [0]", "nested.proto", "nested.First", {"text": "a", "inner": {"number": -1}})
    yield protobuf(pool, "index [1]", "nested.proto", "nested.Second", {"number": "-3", "numbers": [1, 300]})
    yield protobuf(pool, "index [0,0]", "nested.proto", "nested.First.Inner", {"number": 150})
    yield protobuf(pool, "index [1,0]", "nested.proto", "nested.Second.Inner", {"flag": True})
    yield protobuf(pool, "index [2,1]", "nested.proto", "nested.Third.Right", {"raw": "AP8="})
    yield protobuf(pool, "empty", "nested.proto", "nested.Third", {})
    yield protobuf(pool, "as a key", "nested.proto", "nested.Second", {"number": "1"}, field=MessageField.KEY)
    yield protobuf(pool, "id in the header", "nested.proto", "nested.Third.Right", {"raw": "AP8="}, headers=True)
    yield protobuf(pool, "imports", "shop/order.proto", "shop.Order", {
        "id": "o-1", "customer": {"name": "Ada", "balance": {"currency": "EUR", "cents": "-125"}}, "at": "2026-02-28T23:59:58.123456789Z",
    })
    yield protobuf(pool, "every type", "everything.proto", "test.Everything", {
        "double": -0.1, "float": 0.5, "int32": -1, "int64": "-9223372036854775808", "uint32": 4294967295, "uint64": "18446744073709551615",
        "sint32": -2147483648, "sint64": "-1", "fixed32": 1, "fixed64": "2", "sfixed32": -3, "sfixed64": "-4", "bool": True,
        "string": "naïve €𝄞", "bytes": "AP8=", "color": "BLUE", "packed": [0, -1, 1], "texts": ["", "b"], "colors": {"é": "RED"},
        "optional": 0, "number": "0",
    })
    yield protobuf(pool, "well-known types", "known.proto", "Known", {
        "timestamp": "1969-12-31T23:59:59.500Z", "duration": "-1.500s", "wrapped": "0", "struct": {"a": [1.0, "x", None, True]},
        "empty": {}, "mask": "a,b.c", "list": [{}], "any": {"@type": "type.googleapis.com/google.protobuf.Duration", "value": "3s"},
    })
    yield protobuf(pool, "proto2", "old.proto", "old.Old", {"id": "x", "count": 7, "numbers": [1, 2], "detail": {"text": "t"}})


def json_schema(name, schema, value, references=(), **where):
    case = Case(name, **where)
    given = []
    for reference in references:
        case.registry.register_schema(reference["$id"], Schema(json.dumps(reference), "JSON", list(given)))
        given.append(SchemaReference(reference["$id"], reference["$id"], 1))
    text = json.dumps(schema)
    serializer = JSONSerializer(Schema(text, "JSON", given), case.registry, conf=case.settings)
    return case.vector(serializer, text, value, value)


def json_vectors():
    draft_7 = {"$schema": "http://json-schema.org/draft-07/schema#"}
    latest = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    order = draft_7 | {
        "title": "Order", "type": "object", "required": ["id"],
        "properties": {"id": {"type": "string"}, "quantity": {"type": "integer", "minimum": 1}},
    }
    money = latest | {
        "$id": "https://shop.example/money.json", "title": "Money", "type": "object", "required": ["cents"],
        "properties": {"cents": {"type": "integer"}, "currency": {"type": "string"}},
    }
    customer = latest | {
        "$id": "https://shop.example/customer.json", "title": "Customer", "type": "object",
        "properties": {"balance": {"$ref": "money.json"}, "name": {"type": "string"}},
    }
    invoice = latest | {
        "$id": "https://shop.example/invoice.json", "title": "Invoice", "type": "object",
        "properties": {"customer": {"$ref": "https://shop.example/customer.json"}, "total": {"$ref": "money.json"}},
    }
    everything = latest | {"title": "Everything", "type": "object"}
    yield json_schema("record", order, {"id": "o-1", "quantity": 3})
    yield json_schema("record as a key", order, {"id": "o-1"}, field=MessageField.KEY)
    yield json_schema("record, id in the header", order, {"id": "o-1", "quantity": 3}, headers=True)
    yield json_schema("every type", everything, {
        "array": [1, [], {}], "big": 9007199254740993, "double": -0.1, "float": 1.0, "no": False, "nothing": None, "object": {"a": {"b": []}},
        "text": "naïve \"€\"\n𝄞\u0001/", "yes": True,
    })
    yield json_schema("bare string", latest | {"title": "Text", "type": "string"}, "o-1")
    yield json_schema("bare number", latest | {"title": "Number", "type": "number"}, 1.5)
    yield json_schema("references", invoice, {
        "customer": {"balance": {"cents": 1, "currency": "EUR"}, "name": "Ada"}, "total": {"cents": 250},
    }, references=[money, customer])


def main():
    vectors = [*avro_vectors(), *protobuf_vectors(), *json_vectors()]
    about = f"What the serializers of confluent-kafka-python {version('confluent-kafka')} write; printed by tests/python/schema_registry_vectors.py."
    lines = ",\n  ".join(json.dumps(entry) for entry in vectors)
    print(f'{{\n "about": {json.dumps(about)},\n "vectors": [\n  {lines}\n ]\n}}')


if __name__ == "__main__":
    main()

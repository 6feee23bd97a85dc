# Reads records that ottla has written with random schemas, with fastavro and with confluent-kafka-python's deserializer, under the writer's schema and under
# a changed one. Writes the same values with fastavro and Confluent's serializer. Started by tests/it/schema_registry/differential:
#   avro_differential.py CASES ANSWERS
# A line of CASES is a case as JSON; a line of ANSWERS has the bytes that were written, in hexadecimal. A difference is an error.

import datetime
import decimal
import io
import json
import sys
import uuid

import fastavro
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
decimal.getcontext().prec = 100


def given(json_value, named):
    """The value that the JSON represents, with a union's named type as a pair if `named`."""
    if isinstance(json_value, list):
        return [given(item, named) for item in json_value]
    if not isinstance(json_value, dict):
        return json_value
    ((kind, value),) = json_value.items()
    if kind == "map":
        return {key: given(item, named) for key, item in value.items()}
    if kind == "union":
        return (value[0], given(value[1], named)) if named else given(value[1], named)
    if kind == "bytes":
        return bytes.fromhex(value)
    if kind == "decimal":
        return decimal.Decimal(value[0]).scaleb(-value[1])
    if kind == "date":
        return datetime.date(1970, 1, 1) + datetime.timedelta(days=value)
    if kind == "time":
        return (datetime.datetime.min + datetime.timedelta(milliseconds=value)).time()
    if kind == "timestamp":
        return EPOCH + datetime.timedelta(microseconds=value)
    if kind == "uuid":
        return uuid.UUID(value)
    raise ValueError(kind)


def without_names(value):
    if isinstance(value, tuple):
        return without_names(value[1])
    if isinstance(value, list):
        return [without_names(item) for item in value]
    if isinstance(value, dict):
        return {key: without_names(item) for key, item in value.items()}
    return value


def agree(found, wanted):
    """Whether the two are equal. fastavro gives the names of a union's types where the writer's schema has a union, not the reader's."""
    if isinstance(found, tuple) and isinstance(wanted, tuple):
        return found[0] == wanted[0] and agree(found[1], wanted[1])
    if isinstance(found, tuple) or isinstance(wanted, tuple):
        return agree(found[1] if isinstance(found, tuple) else found, wanted[1] if isinstance(wanted, tuple) else wanted)
    if isinstance(found, list) and isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(agree, found, wanted))
    if isinstance(found, dict) and isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(agree(found[key], wanted[key]) for key in found)
    return found == wanted


def outcome(read):
    try:
        return [read()]
    except Exception as error:  # each of them has exceptions of its own
        return error


def main(cases, answers):
    counts = {"cases": 0, "refused by all": 0, "fastavro wrote": 0, "confluent wrote": 0}
    # Known differences: Confluent's deserializer requires at least one byte after the id; fastavro writes a string as a date if a union has both.
    known = {"without a byte, which confluent does not read": 0, "texts that fastavro takes for dates": 0}
    disagreements = []
    registry = SchemaRegistryClient.new_client({"url": "mock://"})
    with open(cases) as lines, open(answers, "w") as answered:
        for line in lines:
            case = json.loads(line)
            counts["cases"] += 1
            data, subject = bytes.fromhex(case["bytes"]), f"t{case['seed']}"
            writer, reader = fastavro.parse_schema(case["writer"]), fastavro.parse_schema(case["reader"])
            expected = None if case["expected"] == "none" else [given(case["expected"][0], True)]
            value = given(case["value"], True)

            def differs(who, found, wanted):
                if wanted is None and isinstance(found, Exception):
                    return
                if isinstance(found, Exception) or wanted is None or not agree(found, wanted):
                    disagreements.append(f"seed {case['seed']}: {who}: {found!r}, not {wanted!r}")

            def fast(schema):
                return outcome(lambda: fastavro.schemaless_reader(io.BytesIO(data), writer, schema, return_named_type=True))

            differs("fastavro", fast(None), [value])
            differs("fastavro, changed schema", fast(reader), expected)
            # Confluent's deserializer removes the root's name from a union's value.
            text = json.dumps(case["writer"])
            schema_id = registry.register_schema(subject + "-value", Schema(text, "AVRO"))
            framed = b"\0" + schema_id.to_bytes(4, "big") + data
            context = SerializationContext(subject, MessageField.VALUE)
            for who, schema, wanted in [
                ("confluent", None, [value]),
                ("confluent, changed schema", json.dumps(case["reader"]), expected),
            ]:
                if not data:
                    known["without a byte, which confluent does not read"] += 1
                    continue
                plain = outcome(lambda: AvroDeserializer(registry, schema)(framed, context))
                found = plain if isinstance(plain, Exception) else without_names(plain)
                differs(who, found, wanted if wanted is None else without_names(wanted))
            counts["refused by all"] += expected is None

            def unwritten(who, error):
                if "Invalid isoformat string" in str(error):
                    known["texts that fastavro takes for dates"] += 1
                else:
                    disagreements.append(f"seed {case['seed']}: {who} cannot write it: {error!r}")

            written = []
            buffer = io.BytesIO()
            wrote = outcome(lambda: fastavro.schemaless_writer(buffer, writer, value))
            if isinstance(wrote, Exception):
                unwritten("fastavro", wrote)
            else:
                written.append(buffer.getvalue().hex())
                counts["fastavro wrote"] += 1
            wrote = outcome(lambda: AvroSerializer(registry, text)(value, context))
            if isinstance(wrote, Exception):
                unwritten("confluent", wrote)
            elif wrote[0] is not None:  # null has no schema and no frame there
                written.append(wrote[0][5:].hex())
                counts["confluent wrote"] += 1
            answered.write(json.dumps(written) + "\n")
    print(", ".join(f"{count} {what}" for what, count in {**counts, **known}.items()), f"{len(disagreements)} disagreements", sep=", ")
    if disagreements:
        raise SystemExit("\n".join(disagreements[:20]))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])

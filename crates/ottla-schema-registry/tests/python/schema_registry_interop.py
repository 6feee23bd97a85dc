# Writes the values of tests/data/schema-registry-vectors.json with confluent-kafka-python's serializers, or reads what ottla has
# written with its deserializers, on the Kafka and the schema registry that the environment names. Started by tests/it/schema_registry/interop.rs:
#   schema_registry_interop.py write|read PREFIX
# The vector number N goes to the topic PREFIX-N. The last line of the output is the number of vectors; a difference is an error.

import base64
import io
import json
import os
import sys
from pathlib import Path

import fastavro
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient, topic_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

VECTORS = Path(__file__).parent.parent / "data" / "schema-registry-vectors.json"
SETTINGS = {"subject.name.strategy": topic_subject_name_strategy}


def references(vector):
    """All references of a vector, the deepest first."""
    for reference in vector.get("references", []):
        yield from references(reference)
        yield reference


def given_references(registry, vector, kind):
    """A vector's references, registered with their own references."""
    given = []
    for reference in vector.get("references", []):
        schema = Schema(reference["schema"], kind, given_references(registry, reference, kind))
        registry.register_schema(reference["subject"], schema)
        version = registry.lookup_schema(reference["subject"], schema).version
        given.append(SchemaReference(reference["name"], reference["subject"], version))
    return given


class Avro:
    def __init__(self, registry, vector):
        self.registry, self.vector = registry, vector
        named = {}
        for reference in references(vector):
            fastavro.parse_schema(json.loads(reference["schema"]), named_schemas=named)
        schema = json.loads(vector["schema"])
        self.bare = isinstance(schema, dict) and schema["type"] == "bytes"
        self.schema = fastavro.parse_schema(schema, named_schemas=named)
        data = bytes.fromhex(vector["bytes"])[5:]
        self.value = data if self.bare else fastavro.schemaless_reader(io.BytesIO(data), self.schema, None)

    def serializer(self):
        schema = Schema(self.vector["schema"], "AVRO", given_references(self.registry, self.vector, "AVRO"))
        return AvroSerializer(self.registry, schema, conf=SETTINGS)

    def deserializer(self):
        return AvroDeserializer(self.registry, conf=SETTINGS)


class Protobuf:
    def __init__(self, registry, vector):
        self.registry = registry
        pool = descriptor_pool.DescriptorPool()
        pool.Add(descriptor_pb2.FileDescriptorProto.FromString(descriptor_pb2.DESCRIPTOR.serialized_pb))
        for name in ["any", "duration", "empty", "field_mask", "struct", "timestamp", "wrappers"]:
            module = __import__(f"google.protobuf.{name}_pb2", fromlist=["DESCRIPTOR"])
            pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
        added = set()
        for file in [*references(vector), vector]:
            text = file.get("registered", file["schema"])
            if text not in added:
                pool.AddSerializedFile(base64.b64decode(text))
                added.add(text)
        self.message = message_factory.GetMessageClass(pool.FindMessageTypeByName(vector["message"]))
        self.value = json_format.ParseDict(vector["value"], self.message(), descriptor_pool=pool)

    def serializer(self):
        return ProtobufSerializer(self.message, self.registry, SETTINGS)

    def deserializer(self):
        return ProtobufDeserializer(self.message, SETTINGS, self.registry)


class Json:
    def __init__(self, registry, vector):
        self.registry, self.vector, self.value = registry, vector, vector["value"]

    def serializer(self):
        schema = Schema(self.vector["schema"], "JSON", given_references(self.registry, self.vector, "JSON"))
        return JSONSerializer(schema, self.registry, conf=SETTINGS)

    def deserializer(self):
        return JSONDeserializer(None, schema_registry_client=self.registry, conf=SETTINGS)


FORMATS = {"AVRO": Avro, "PROTOBUF": Protobuf, "JSON": Json}


def cases(prefix):
    registry = SchemaRegistryClient({"url": os.environ["SCHEMA_REGISTRY_URL"]})
    for number, vector in enumerate(json.loads(VECTORS.read_text())["vectors"]):
        # Ids in headers are GUIDs, which not every registry supports, and these deserializers require a payload of at least one byte.
        if "header" not in vector and len(vector["bytes"]) > 10:
            field = MessageField.KEY if vector["subject"].endswith("-key") else MessageField.VALUE
            yield vector, FORMATS[vector["format"]](registry, vector), SerializationContext(f"{prefix}-{number}", field)


def write(prefix):
    producer, failures, count = Producer({"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"]}), [], 0
    for vector, case, context in cases(prefix):
        data = case.serializer()(case.value, context)
        where = "key" if context.field == MessageField.KEY else "value"
        producer.produce(context.topic, partition=0, on_delivery=lambda error, _: error and failures.append(error), **{where: data})
        count += 1
    left = producer.flush(60)
    if left or failures:
        raise SystemExit(f"{left} records not delivered: {failures}")
    return count


def read(prefix):
    consumer = Consumer({"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"], "group.id": prefix, "auto.offset.reset": "earliest"})
    count = 0
    for vector, case, context in cases(prefix):
        consumer.assign([TopicPartition(context.topic, 0, 0)])
        message = consumer.poll(60)
        if message is None or message.error():
            raise SystemExit(f"{vector['name']}: {message and message.error()}")
        data = message.key() if context.field == MessageField.KEY else message.value()
        value = case.deserializer()(data, context)
        if value != case.value:
            raise SystemExit(f"{vector['format']} {vector['name']}: {value!r} is not {case.value!r}")
        count += 1
    consumer.close()
    return count


if __name__ == "__main__":
    print({"write": write, "read": read}[sys.argv[1]](sys.argv[2]))

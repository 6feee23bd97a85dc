# Has the command send a file of flights as Avro, reads every field back with confluent-kafka-python's deserializer and compares it with the
# CSV, and compares the throughput with that of JSON. Uses the Kafka and the schema registry that the environment names; started by scripts/interop:
#   flights_interop.py OTTLA FLIGHTS [PAIRS]
# FLIGHTS is a .csv or .csv.gz with the columns of examples/data/flights-sample.csv. A difference is an error. PAIRS (5) alternating runs of Avro and
# JSON give the throughput, which is only printed: it is meaningful with a release build on an idle machine.

import csv
import gzip
import json
import os
import resource
import statistics
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections import Counter, defaultdict
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient, topic_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
SERVERS, REGISTRY = os.environ["KAFKA_BOOTSTRAP_SERVERS"], os.environ["SCHEMA_REGISTRY_URL"]


class Counting(BaseHTTPRequestHandler):
    """The registry, with every request recorded."""

    requests = []

    def forward(self):
        self.requests.append(f"{self.command} {self.path}")
        body = self.rfile.read(int(self.headers.get("content-length", 0))) or None
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "content-length", "connection")}
        request = urllib.request.Request(REGISTRY + self.path, data=body, headers=headers, method=self.command)
        try:
            answer = urllib.request.urlopen(request)
        except urllib.error.HTTPError as error:
            answer = error
        content = answer.read()
        self.send_response(answer.status)
        self.send_header("content-type", answer.headers["content-type"])
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = forward

    def log_message(self, *_):
        pass


def rows(path):
    with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else open(path, newline="") as file:
        yield from csv.DictReader(file)


def converter(kind):
    if isinstance(kind, list):
        of = converter(next(branch for branch in kind if branch != "null"))
        return lambda text: None if text == "NA" else of(text)
    if isinstance(kind, dict):
        return lambda text: datetime.fromisoformat(text.replace("Z", "+00:00"))
    return {"int": int, "string": str}[kind]


def expected(path):
    """The rows of each key in order."""
    schema = json.loads((EXAMPLES / "data" / "flight.avsc").read_text())
    fields = [(field["name"], converter(field["type"])) for field in schema["fields"]]
    by_key, count = defaultdict(list), 0
    for row in rows(path):
        value = {name: convert(row[name]) for name, convert in fields}
        by_key[value["tailnum"]].append(value)
        count += 1
    return by_key, count


def produce(ottla, example, path, topic, registry):
    """Runs the command: its report, and the processor time that it took in seconds."""
    settings = [f"bootstrap.servers={SERVERS}"] + ([f"schema.registry.url={registry}"] if registry else [])
    arguments = [ottla, "produce", "-c", EXAMPLES / example, "--input", path, "--topic", topic, "--report", "json"]
    for setting in settings:
        arguments += ["--set", setting]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = subprocess.run(arguments, stdout=subprocess.PIPE, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return json.loads(ended.stdout), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def consumed(topic, count):
    """The values of each key in the order in which they were written."""
    deserialize = AvroDeserializer(SchemaRegistryClient({"url": REGISTRY}), conf={"subject.name.strategy": topic_subject_name_strategy})
    context = SerializationContext(topic, MessageField.VALUE)
    consumer = Consumer({"bootstrap.servers": SERVERS, "group.id": topic, "enable.auto.commit": False, "enable.partition.eof": False})
    partitions = consumer.list_topics(topic, 30).topics[topic].partitions
    consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
    by_key, ids, read = defaultdict(list), Counter(), 0
    while read < count:
        messages = consumer.consume(10_000, 60)
        if not messages:
            raise SystemExit(f"{read} of {count} records came")
        for message in messages:
            if message.error():
                raise SystemExit(str(message.error()))
            key, data = message.key(), message.value()
            ids[data[:5]] += 1
            by_key[None if key is None else key.decode()].append(deserialize(data, context))
        read += len(messages)
    if consumer.consume(1, 2):
        raise SystemExit(f"more than {count} records came")
    consumer.close()
    return by_key, ids


def unordered(values):
    return Counter(tuple(value.items()) for value in values)


def check(condition, message):
    if not condition:
        raise SystemExit(message)


def check_every_field(ottla, path):
    flights, count = expected(path)
    topic = f"flights-avro-{os.getpid()}"
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Counting)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    report, _ = produce(ottla, "flights-avro.toml", path, topic, f"http://127.0.0.1:{proxy.server_port}")
    proxy.shutdown()
    check((report["records"], report["acknowledged"], report["failed"]) == (count, count, 0), f"{report} for {count} rows")
    check(Counting.requests == [f"POST /subjects/{topic}-value/versions"], f"the registry was asked {Counting.requests}")
    with urllib.request.urlopen(f"{REGISTRY}/subjects/{topic}-value/versions") as answer:
        versions = json.load(answer)
    check(versions == [1], f"the versions of {topic}-value: {versions}")
    found, ids = consumed(topic, count)
    check(len(ids) == 1, f"the frames {dict(ids)}")
    check(found.keys() == flights.keys(), f"keys that differ: {found.keys() ^ flights.keys()}")
    for key, values in flights.items():
        # Those without a key go to several partitions.
        same = found[key] == values if key is not None else unordered(found[key]) == unordered(values)
        check(same, f"the flights of {key} differ: {next(((a, b) for a, b in zip(found[key], values) if a != b), None)}")
    nulls = sum(field is None for values in found.values() for value in values for field in value.values())
    print(f"{count} flights acknowledged and read back, {count * len(values[0])} fields equal, {nulls} of them null; "
          f"one schema ({ids.most_common()[0][0].hex()}), requests to the registry: {len(Counting.requests)}")


def compare(ottla, path, pairs):
    figures = defaultdict(list)
    for pair in range(pairs):
        formats = [("flights-avro.toml", REGISTRY), ("flights.toml", None)]
        for example, registry in formats if pair % 2 == 0 else reversed(formats):
            report, cpu = produce(ottla, example, path, f"{example.split('.')[0]}-{os.getpid()}-{pair}", registry)
            check(report["failed"] == 0, str(report))
            figures[example].append((report["records_per_s"], cpu / report["records"] * 1e6, report["bytes"] / report["records"]))
    avro, of_json = figures["flights-avro.toml"], figures["flights.toml"]
    for name, runs in [("avro", avro), ("json", of_json)]:
        speed, cpu, size = (statistics.median(column) for column in zip(*runs))
        print(f"{name}: {speed:,.0f} records/s, {cpu:.2f} CPU-s per million, {size:.0f} bytes a record (medians of {pairs})")
    for name, column in [("records/s", 0), ("CPU a record", 1)]:
        ratios = [a[column] / b[column] for a, b in zip(avro, of_json)]
        print(f"avro to json, {name}: {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})")


if __name__ == "__main__":
    check_every_field(sys.argv[1], Path(sys.argv[2]).resolve())
    pairs = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    if pairs > 0:
        compare(sys.argv[1], Path(sys.argv[2]).resolve(), pairs)

# Has the command send a file of flights with key, timestamp, headers, topic and typed values from each row, reads every record back with
# confluent-kafka-python and compares it with the CSV as Python reads it, field by field. Uses the Kafka that the environment names; started by
# scripts/interop:
#   flights_record.py OTTLA FLIGHTS
# FLIGHTS is a .csv or .csv.gz with the columns of examples/data/flights-sample.csv. A difference is an error.

import csv
import gzip
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

SERVERS = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
PREFIX = f"flights-record-{os.getpid()}"
NUMBERS = (
    "year month day dep_time sched_dep_time dep_delay arr_time sched_arr_time arr_delay flight air_time distance hour minute".split()
)


def rows(path):
    with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else open(path, newline="") as file:
        yield from csv.DictReader(file)


def record(row):
    """Key, timestamp, headers and value of a row, in a form that can be compared and counted."""
    text = {name: None if value == "NA" else value for name, value in row.items()}
    value = {name: int(value) if name in NUMBERS and value is not None else value for name, value in text.items()}
    timestamp = int(datetime.fromisoformat(row["time_hour"].replace("Z", "+00:00")).timestamp() * 1000)
    headers = [["source", "nycflights13"], ["tailnum", text["tailnum"]]]
    return json.dumps([f"{row['origin']}-{row['dest']}", timestamp, headers, value])


def create_topics(topics):
    # The records have timestamps of 2013, which is longer ago than the default retention time.
    topics = [NewTopic(topic, num_partitions=3, replication_factor=1, config={"retention.ms": "-1"}) for topic in topics]
    admin = AdminClient({"bootstrap.servers": SERVERS})
    for topic in admin.create_topics(topics).values():
        topic.result(60)


def produce(ottla, path, topics):
    types = "".join(f'{name} = "long"\n' for name in NUMBERS)
    config = (
        f'[producer]\nbootstrap.servers = "{SERVERS}"\n[input]\nnull = "NA"\n[record]\ntopic = "{PREFIX}-{{carrier}}"\n'
        f'topics = {json.dumps(topics)}\nkey = "{{origin}}-{{dest}}"\ntimestamp = "{{time_hour}}"\n'
        f'[record.headers]\nsource = "nycflights13"\ntailnum = "{{tailnum}}"\n[record.types]\n{types}'
    )
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(config)
        file.flush()
        arguments = [ottla, "produce", "-c", file.name, "--input", path, "--report", "json"]
        return json.loads(subprocess.run(arguments, stdout=subprocess.PIPE, check=True).stdout)


def consumed(topic, count):
    consumer = Consumer({"bootstrap.servers": SERVERS, "group.id": topic, "enable.auto.commit": False, "enable.partition.eof": False})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(3)])
    found, partitions = Counter(), defaultdict(set)
    while found.total() < count:
        messages = consumer.consume(min(10_000, count - found.total()), 60)
        check(messages, f"{found.total()} of {count} records of {topic} came")
        for message in messages:
            if message.error():
                raise SystemExit(str(message.error()))
            key = message.key().decode()
            partitions[key].add(message.partition())
            headers = [[name, None if value is None else value.decode()] for name, value in message.headers()]
            found[json.dumps([key, message.timestamp()[1], headers, json.loads(message.value())])] += 1
    check(not consumer.consume(1, 2), f"more than {count} records of {topic} came")
    consumer.close()
    check(all(len(of_key) == 1 for of_key in partitions.values()), f"a key of {topic} is in two partitions")
    return found


def check(condition, message):
    if not condition:
        raise SystemExit(message)


def main():
    ottla, path = Path(sys.argv[1]), Path(sys.argv[2])
    wanted = defaultdict(Counter)
    for row in rows(path):
        wanted[f"{PREFIX}-{row['carrier']}"][record(row)] += 1
    create_topics(wanted)
    report = produce(ottla, path, list(wanted))
    count = sum(of_topic.total() for of_topic in wanted.values())
    check((report["records"], report["acknowledged"], report["failed"]) == (count, count, 0), f"{report} for {count} rows")
    for topic, records in wanted.items():
        found = consumed(topic, records.total())
        check(found == records, f"{topic} differs: {list((found - records).items())[:3]} instead of {list((records - found).items())[:3]}")
    print(f"[record]: {count} flights in {len(wanted)} topics: key, timestamp, headers, topic and typed values are equal to the CSV")


main()

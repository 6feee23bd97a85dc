"""confluent-kafka-python, a callback for every record. The command line, the records and the line that it prints are those of the
other clients (bench/workload); of the workloads it has throughput."""

import argparse
import json
import platform
import resource
import sys
import time

import confluent_kafka

# How far apart values start in their file (see bench/workload/src/records.rs).
STRIDE = 162_017


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("workload", choices=["throughput"])
    parser.add_argument("--bootstrap", default="localhost:9092")
    parser.add_argument("--topic", required=True)
    parser.add_argument("--topics", type=int, default=1)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--warm-up", type=int, default=0)
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--compression", choices=["none", "lz4"], default="none")
    parser.add_argument("--keyed", action="store_true")
    parser.add_argument("--keyless", action="store_true")
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--linger-ms", type=int, default=5)
    parser.add_argument("--values", required=True)
    return parser.parse_args()


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_rss_mb() -> float:
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) * 1024 / 1e6


def main() -> None:
    args = arguments()
    with open(args.values, "rb") as file:
        values = file.read()
    size, keyed, around = args.size, not args.keyless, len(values) - args.size
    topics = [args.topic] if args.topics == 1 else [f"{args.topic}-{number}" for number in range(args.topics)]
    acknowledged = failed = 0

    def delivered(error, _message) -> None:
        nonlocal acknowledged, failed
        if error is None:
            acknowledged += 1
        else:
            failed += 1

    start, cpu = time.monotonic(), cpu_seconds()
    producer = confluent_kafka.Producer(
        {
            "bootstrap.servers": args.bootstrap,
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": args.linger_ms,
            "batch.size": 1_000_000,
            "compression.type": args.compression,
        }
    )
    for index in range(args.records):
        offset = index * STRIDE % around
        key = index.to_bytes(8, "big") if keyed else None
        while True:
            try:
                producer.produce(
                    topics[index % len(topics)], value=values[offset : offset + size], key=key, on_delivery=delivered
                )
                break
            except BufferError:
                producer.poll(0.01)
        if index % 1_000 == 0:
            producer.poll(0)
    producer.flush()
    seconds, cpu = time.monotonic() - start, cpu_seconds() - cpu
    line = {
        "acknowledged": acknowledged,
        "failed": failed,
        "seconds": seconds,
        "cpu_s": cpu,
        "peak_rss_mb": peak_rss_mb(),
        "version": f"confluent-kafka-python {confluent_kafka.__version__} on librdkafka {confluent_kafka.libversion()[0]}, "
        f"Python {platform.python_version()}",
    }
    json.dump(line, sys.stdout)
    print()


if __name__ == "__main__":
    main()

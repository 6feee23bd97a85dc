"""Compares `ottla perf` with Java's kafka-producer-perf-test on the same broker: the rate that is reached, and the latencies.

Started by `scripts/bench perf`. Java counts a latency from the call of `send`, ottla from the time at which the record is due.
"""

import argparse
import json
import os
import re
import subprocess
from pathlib import Path

from measure import head, row, run

# The settings of both producers. The defaults of `batch.size` differ.
SETTINGS = ["acks=all", "linger.ms=5", "batch.size=16384"]
# Java's last line, or with a warm-up the line that ends with "(steady state)".
FIGURES = re.compile(
    r"(\d+) records sent, ([\d.]+) records/sec \(([\d.]+) MB/sec\), ([\d.]+) ms avg latency, ([\d.]+) ms max latency, "
    r"(\d+) ms 50th, (\d+) ms 95th, (\d+) ms 99th, (\d+) ms 99.9th"
)


JAVA = ["java", "-Xmx512m", "org.apache.kafka.tools.ProducerPerformance"]


def environment(arguments: argparse.Namespace) -> dict:
    """The environment of Java's tool."""
    return os.environ | {"CLASSPATH": Path(arguments.class_path).read_text(encoding="utf-8").strip()}


def java(arguments: argparse.Namespace, topic: str, rate: int, size: int) -> dict:
    """The figures of Java's tool."""
    command = [*JAVA, "--topic", topic, "--throughput", str(rate)]
    command += ["--num-records", str(rate * (arguments.seconds + arguments.warmup)), "--record-size", str(size)]
    command += ["--warmup-records", str(rate * arguments.warmup)] if arguments.warmup else []
    command += ["--producer-props", f"bootstrap.servers={arguments.bootstrap}", *SETTINGS]
    ended = run(command, priority=arguments.priority, environment=environment(arguments))
    found = FIGURES.findall(ended.stdout)
    if not found:
        raise SystemExit(f"no figures in Java's output:\n{ended.stdout}{ended.stderr}")
    _, reached, _, average, longest, p50, p95, p99, p99_9 = map(float, found[-1])
    return {"rate": reached, "avg": average, "p50": p50, "p95": p95, "p99": p99, "p99.9": p99_9, "max": longest, "cpu": ended.cpu_s}


def ottla(arguments: argparse.Namespace, topic: str, rate: int, size: int) -> dict:
    """The figures of `ottla perf`, with Java's names of the flags."""
    command = [arguments.ottla, "perf", "-b", arguments.bootstrap, "-t", topic, "--throughput", str(rate), "--json"]
    command += ["--num-records", str(rate * arguments.seconds), "--record-size", str(size)]
    command += ["--warmup-records", str(rate * arguments.warmup)]
    for setting in SETTINGS:
        command += ["--set", setting]
    ended = run(command, priority=arguments.priority)
    report = json.loads(ended.stdout)
    figures = {name.replace("_", "."): value for name, value in report["latency_ms"].items()}
    return figures | {"rate": report["records_per_s"], "cpu": ended.cpu_s}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", default=os.environ.get("KAFKA_BOOTSTRAP_SERVERS"))
    parser.add_argument("--ottla", required=True)
    parser.add_argument("--class-path", required=True, help="a file with the class path of Kafka's tools")
    parser.add_argument("--topics", required=True, help="the command that creates topics: it gets --create NAME --partitions N")
    parser.add_argument("--rates", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1_000])
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--warmup", type=int, default=5, help="in seconds")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--priority", type=int, default=0, help="of the measured processes (chrt -f)")
    arguments = parser.parse_args()
    usage = subprocess.run([*JAVA, "--help"], env=environment(arguments), capture_output=True, text=True, check=False)
    if "--warmup-records" not in usage.stdout and arguments.warmup:
        print("This version of Java's tool has no --warmup-records: neither tool has a warm-up.\n")
        arguments.warmup = 0
    names = ["rate", "avg", "p50", "p95", "p99", "p99.9", "max", "cpu"]
    head("given rate", "size", "tool", "records/s", "to the rate", "avg ms", "p50", "p95", "p99", "p99.9", "max", "CPU s")
    for rate in arguments.rates:
        for size in arguments.sizes:
            topic = f"perf-{rate}-{size}-{os.getpid()}"
            subprocess.run([*arguments.topics.split(), "--create", topic, "--partitions", "3"], check=True, stdout=subprocess.DEVNULL)
            for number in range(arguments.rounds):
                tools = {"Java": java, "ottla": ottla}
                for tool in list(tools) if number % 2 == 0 else list(tools)[::-1]:
                    figures = tools[tool](arguments, topic, rate, size)
                    cells = [f"{figures[name]:.2f}" for name in names[1:]]
                    row(f"{rate:,}/s", f"{size:,}", tool, f"{figures['rate']:,.1f}", f"{figures['rate'] / rate:.3f}", *cells)


if __name__ == "__main__":
    main()

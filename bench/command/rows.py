"""Measures `ottla produce` on a file of CSV: lines against kcat, JSON against another build, Avro against JSON, and the peak memory.

Started by `scripts/bench rows FILE`. FILE is a CSV file, also compressed with gzip, such as the 336,776 flights of nycflights13. With --stream-gb
the rows are also repeated into a pipe until it has that many gigabytes.
"""

import argparse
import gzip
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import threading
from pathlib import Path

from measure import Ended, head, interleaved, ratios, row, run


def schema(columns: list[str]) -> str:
    """An Avro schema in which every column is a nullable string: it fits each file."""
    fields = [{"name": column, "type": ["null", "string"], "default": None} for column in columns]
    return json.dumps({"type": "record", "name": "Row", "fields": fields})


class Bench:
    def __init__(self, arguments: argparse.Namespace, folder: Path):
        self.arguments, self.folder = arguments, folder
        self.rows = folder / "rows.csv"
        opened = gzip.open(arguments.file, "rb") if arguments.file.endswith(".gz") else open(arguments.file, "rb")
        with opened as source, open(self.rows, "wb") as target:
            shutil.copyfileobj(source, target)
        # Line by line: the peak memory of a child process includes that of this one when it starts it.
        with open(self.rows, "rb") as rows:
            self.columns = rows.readline().decode().strip().replace('"', "").split(",")
            self.lines = 1 + sum(1 for _ in rows)
        (folder / "row.avsc").write_text(arguments.schema.read_text() if arguments.schema else schema(self.columns))
        base = f'[producer]\nbootstrap.servers = "{arguments.bootstrap}"\n'
        data = f'[input]\npath = "{self.rows}"\nformat = "csv"\nnull = "NA"\n'
        (folder / "lines.toml").write_text(f'topic = "lines"\n{base}')
        (folder / "json.toml").write_text(f'topic = "json"\n{base}{data}[value]\nserializer = "json"\n')
        registry = f'[schema.registry]\nurl = "{arguments.registry}"\n' if arguments.registry else ""
        (folder / "avro.toml").write_text(f'topic = "avro"\n{base}{data}{registry}[value]\nserializer = "avro"\nschema = "row.avsc"\n')

    def produce(self, name: str, *flags: str, program: str | None = None, stdin=None) -> Ended:
        command = [program or self.arguments.ottla, "produce", "-c", str(self.folder / f"{name}.toml"), "--report", "json", *flags]
        ended = run(command, stdin=stdin, priority=self.arguments.priority)
        report = json.loads(ended.stdout)
        if report["failed"] or not report["acknowledged"]:
            raise SystemExit(f"{' '.join(command)}: {report}")
        return ended

    def kcat(self, *flags: str) -> Ended:
        command = ["kcat", "-P", "-b", self.arguments.bootstrap, "-t", "lines", *flags, "-l", str(self.rows)]
        return run(command, priority=self.arguments.priority)

    def compare(self, what: str, variants: dict, is_speed: bool, goal: str) -> None:
        """Adds a row: the first variant against the second, by rows per second or by CPU time."""
        runs = interleaved(variants, self.arguments.rounds)
        (first, ones), (second, others) = runs.items()
        cpu = ratios([one.cpu_s for one in ones], [other.cpu_s for other in others])
        # Rows per second: the inverse ratio of the times.
        speed = ratios([other.elapsed_s for other in others], [one.elapsed_s for one in ones])
        medians = [f"{name}: {statistics.median(run.cpu_s for run in of):.2f} CPU-s, {self.lines / statistics.median(run.elapsed_s for run in of):,.0f} rows/s" for name, of in runs.items()]
        peak = max(run.peak_rss_mb for run in ones)
        row(what, f"{first} / {second}", speed, cpu, f"{'rows/s' if is_speed else 'CPU'} {goal}", "; ".join(medians), f"{peak:.0f} MB")

    def stream(self, name: str, *flags: str) -> None:
        """Produces the rows again and again from a pipe, and prints the peak memory."""
        wanted = int(self.arguments.stream_gb * 1e9)
        reading, writing = os.pipe()

        def write() -> None:
            with os.fdopen(writing, "wb", buffering=0) as pipe:
                written = 0
                while written < wanted:
                    with open(self.rows, "rb") as rows:
                        header = rows.readline()
                        if written == 0 and name != "lines":
                            pipe.write(header)
                        # In pieces, for the peak memory of the child process.
                        while piece := rows.read(1 << 20):
                            pipe.write(piece)
                            written += len(piece)

        writer = threading.Thread(target=write, daemon=True)
        writer.start()
        ended = self.produce(name, "--input", "-", *flags, stdin=reading)
        os.close(reading)
        writer.join()
        records = json.loads(ended.stdout)["acknowledged"]
        print(f"{name}: {self.arguments.stream_gb} GB from a pipe, {records:,} records, {records / ended.elapsed_s:,.0f} rows/s, peak {ended.peak_rss_mb:.0f} MB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", help="a CSV file, which may end with .gz")
    parser.add_argument("--bootstrap", default=os.environ.get("KAFKA_BOOTSTRAP_SERVERS"))
    parser.add_argument("--registry", default=os.environ.get("SCHEMA_REGISTRY_URL"))
    parser.add_argument("--schema", type=Path, help="the Avro schema of a row (default: nullable strings)")
    parser.add_argument("--ottla", required=True)
    parser.add_argument("--before", help="another build of the command, to compare with")
    parser.add_argument("--topics", required=True, help="the command that creates topics: it gets --create NAME --partitions N")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--stream-gb", type=float, default=0)
    parser.add_argument("--formats", nargs="+", default=["lines", "json", "avro"], help="those of --stream-gb")
    parser.add_argument("--skip-ratios", action="store_true")
    parser.add_argument("--priority", type=int, default=0, help="of the measured processes (chrt -f)")
    arguments = parser.parse_args()
    for topic in ["lines", "json", "avro"]:
        command = [*arguments.topics.split(), "--create", topic, "--partitions", "3"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(arguments, Path(folder))
        lines = ["--format", "lines", "--input", str(bench.rows)]
        if not arguments.skip_ratios:
            head("what", "variants", "rows/s", "CPU", "goal", "medians", "peak RSS")
            if shutil.which("kcat"):
                # With the same settings: an idempotent producer and small batches cost librdkafka itself more CPU time.
                for size in [1_000_000, 16_384]:
                    for idempotent in ["false", "true"]:
                        settings = {"enable.idempotence": idempotent, "batch.size": size}
                        sets = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
                        flags = [part for name, value in settings.items() for part in ("-X", f"{name}={value}")]
                        variants = {
                            "ottla": lambda sets=sets: bench.produce("lines", *lines, *sets),
                            "kcat": lambda flags=flags: bench.kcat(*flags),
                        }
                        idempotence = ", idempotent" if idempotent == "true" else ""
                        bench.compare(f"lines, batch.size {size:,}{idempotence}", variants, False, "<= 1.2")
            if arguments.before:
                before = {"ottla": lambda: bench.produce("json"), "before": lambda: bench.produce("json", program=arguments.before)}
                bench.compare("CSV to JSON", before, True, ">= 1.5")
            if arguments.registry:
                bench.compare("Avro", {"Avro": lambda: bench.produce("avro"), "JSON": lambda: bench.produce("json")}, True, ">= 0.9")
        if arguments.stream_gb:
            for name in arguments.formats:
                bench.stream(name, *(["--format", "lines"] if name == "lines" else []))


if __name__ == "__main__":
    main()

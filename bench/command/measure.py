"""Runs of a process: its CPU time, its time, and its peak memory."""

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass


@dataclass
class Ended:
    """A run that has ended."""

    cpu_s: float
    elapsed_s: float
    peak_rss_mb: float
    stdout: str
    stderr: str


def run(command: list[str], stdin=None, priority: int = 0, environment: dict | None = None) -> Ended:
    """Runs a command; fails with its output if it fails. With a priority it gets a core before other processes (needs root)."""
    if priority:
        command = ["chrt", "-f", str(priority), *command]
    begun = time.monotonic()
    with subprocess.Popen(
        command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        # The output is small: it fits into the pipes.
        _, status, used = os.wait4(process.pid, 0)
        elapsed = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        stdout, stderr = process.stdout.read(), process.stderr.read()
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)}\nfailed with {process.returncode}:\n{stdout}{stderr}")
    # ru_maxrss is in KiB on Linux.
    return Ended(used.ru_utime + used.ru_stime, elapsed, used.ru_maxrss * 1024 / 1e6, stdout, stderr)


def interleaved(variants: dict, rounds: int) -> dict:
    """Runs each variant once per round, in an order that turns around, after a round that does not count. Returns the runs of each."""
    runs = {name: [] for name in variants}
    for number in range(rounds + 1):
        names = list(variants) if number % 2 == 0 else list(variants)[::-1]
        for name in names:
            ended = variants[name]()
            if number > 0:
                runs[name].append(ended)
    return runs


def ratios(ones: list[float], others: list[float]) -> str:
    """The ratios of two variants in the same round: the median, and the range."""
    found = sorted(one / other for one, other in zip(ones, others))
    return f"{statistics.median(found):.2f} ({found[0]:.2f} to {found[-1]:.2f})"


def row(*cells: object) -> None:
    """Prints a row of a table in Markdown."""
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def head(*titles: str) -> None:
    row(*titles)
    row(*("---" for _ in titles))



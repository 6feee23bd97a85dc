//! The texts that follow the options in the help of a subcommand.

pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0    every record was acknowledged (with acks=0: sent), and with transactions committed
  1    some records failed (see the dead-letter file), the checkpoint cannot be written, or the records read back differ
  2    bad usage, configuration or input file, or a topic that does not exist
  3    no broker is reachable, or authentication or authorization failed
  130  interrupted; with --follow only by a second signal, or before the first record";

pub(super) const SOURCES: &str = "\
Settings have the names of Java's clients. In a file, [producer] holds the producer's settings and [consumer] the consumer's; \
a consumer setting overrides a producer setting of the same name. Precedence, highest first: --set, environment variables \
(OTTLA_LINGER_MS sets linger.ms), the file, the default. KAFKA_BOOTSTRAP_SERVERS applies if none of them sets \
bootstrap.servers. `ottla config explain` shows where each value comes from. RUST_LOG=ottla=debug enables the log.";

pub(super) const PRODUCE_EXAMPLES: &str = "\
Examples:
  ottla produce -c flights.toml --embedded
  ottla produce -c flights.toml --input flights.csv.gz --dead-letter dead.jsonl --report json
  ottla produce -c flights.toml --input dead.jsonl --format dead-letters --dead-letter again.jsonl
  ottla produce -c flights.toml --input 2024/ '2025/*.csv.gz'
  ottla produce -c producer.properties --topic notes --input notes.txt
  ottla produce -c producer.properties --topic log --input '/var/log/app/*.log' --follow
  echo o-1:paid | ottla produce -b localhost:9092 -t orders -K : -H source=shell
  ottla produce -b localhost:9092 -t copies --format record --input orders.record --keep none
  ottla produce -c flights.toml --dry-run 3";

pub(super) const TRANSACTIONS: &str = "\
With transactional.id all inputs are one transaction. It is committed at the end of the last input. It is aborted when a record \
fails or the command is interrupted, or at the next start if the process was killed. The records of an aborted transaction \
count as failed, with the kind TransactionAborted; the dead-letter file has only the records that caused the abort.";

pub(super) const CHECKPOINTS: &str = "\
With `file` in [checkpoint] a run continues where an earlier one ended: at least once. With `topic` and transactional.id it does so \
exactly once: the position is in the transaction of the records, which is committed every interval.ms (5000 by default). Inputs are \
files; their paths, beginnings and the topic must be those of the earlier run. `ottla checkpoint` shows and resets the positions.";

pub(super) const CONSUME_EXAMPLES: &str = "\
Examples:
  ottla consume -c flights.toml --topic flights --from-beginning --idle 2 | jq .value
  ottla consume -c flights.toml --topic flights --max 10 --format lines --set isolation.level=read_committed
  ottla consume -b localhost:9092 -t orders --from-beginning --idle 2
  ottla consume -b localhost:9092 -t orders --from-beginning --idle 2 --format record > orders.record";

pub(super) const PERF_EXAMPLES: &str = "\
Examples:
  ottla perf -b localhost:9092 -t orders --records 1000000 --size 100
  ottla perf -c orders.toml --duration 60 --rate 20000/s --warmup 20000 --html orders.html
  ottla perf --compare plain.toml lz4.toml -t orders --records 500000 --size 1000";

pub(super) const PERF_EXIT_CODES: &str = "\
Exit codes:
  0    every record was acknowledged (with acks=0: sent)
  1    some records failed, or the run ended early
  2    bad usage, configuration or payload file, or a topic that does not exist
  3    no broker is reachable, or authentication or authorization failed
  130  interrupted; the figures are those of the records until then";

pub(super) const CHECK_EXAMPLES: &str = "\
Examples:
  ottla config check orders.toml producer.properties
  ottla config explain orders.toml --set linger.ms=50";

pub(super) const TOPIC_EXAMPLES: &str = "\
Examples:
  ottla topic describe -b localhost:9092 -t orders
  ottla topic describe -c flights.toml --json";

pub(super) const CHECKPOINT_EXAMPLES: &str = "\
Examples:
  ottla checkpoint show -c flights.toml
  ottla checkpoint reset -c flights.toml --input flights.csv.gz";

pub(super) const SCHEMA_EXAMPLES: &str = "\
Examples:
  ottla schema check flight.avsc --subject flights-value -c flights.toml
  ottla schema register order.proto --subject orders-value --url http://localhost:8081 \\
      --reference shop/customer.proto=customers-value";

pub(super) const SCHEMA_EXIT_CODES: &str = "\
Exit codes:
  0  the schema is compatible, or registered
  1  the schema is not compatible
  2  bad usage, configuration or schema
  3  no registry is reachable, or authentication or authorization failed";

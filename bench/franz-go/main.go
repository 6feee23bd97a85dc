// franz-go, a promise for every record. The command line, the records and the line that it prints are those of the other clients
// (bench/workload).
package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// stride is how far apart values start in their file (see bench/workload/src/records.rs).
const stride = 162_017

// tick is the shortest sleep of latency-open (see bench/workload/src/schedule.rs).
const tick = time.Millisecond

type run struct {
	workload                 string
	bootstrap, topic         string
	topics, records, warmUp  int
	size, rate, lingerMillis int
	window, transaction      int
	compression              string
	keyless                  bool
	values                   []byte
	topicNames               []string
	acknowledged, failed     atomic.Int64
	latencies                []time.Duration
	init                     time.Duration
	countedFrom, ended       time.Time
}

func (r *run) record(i int) *kgo.Record {
	start := i * stride % (len(r.values) - r.size)
	record := &kgo.Record{Topic: r.topicNames[i%len(r.topicNames)], Value: r.values[start : start+r.size]}
	if !r.keyless {
		record.Key = binary.BigEndian.AppendUint64(make([]byte, 0, 8), uint64(i))
	}
	return record
}

func (r *run) count(err error) {
	if err != nil {
		r.failed.Add(1)
	} else {
		r.acknowledged.Add(1)
	}
}

func (r *run) client() (*kgo.Client, error) {
	compression := kgo.NoCompression()
	if r.compression == "lz4" {
		compression = kgo.Lz4Compression()
	}
	// Idempotence and acks=all are its defaults.
	options := []kgo.Opt{
		kgo.SeedBrokers(strings.Split(r.bootstrap, ",")...),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerBatchMaxBytes(1_000_000),
		kgo.MaxBufferedRecords(r.window),
		kgo.ProducerLinger(time.Duration(r.lingerMillis) * time.Millisecond),
		kgo.ProducerBatchCompression(compression),
	}
	if r.workload == "transactions" {
		options = append(options, kgo.TransactionalID(r.topic))
	}
	return kgo.NewClient(options...)
}

func (r *run) send(client *kgo.Client) error {
	ctx := context.Background()
	count := func(_ *kgo.Record, err error) { r.count(err) }
	switch r.workload {
	case "throughput":
		for i := range r.records {
			client.Produce(ctx, r.record(i), count)
		}
		return client.Flush(ctx)
	case "latency-closed":
		for i := range r.records {
			start := time.Now()
			r.count(client.ProduceSync(ctx, r.record(i)).FirstErr())
			r.latencies[i] = time.Since(start)
		}
		return nil
	case "latency-open":
		start := time.Now()
		for i := range r.records {
			due := start.Add(time.Duration(i) * time.Second / time.Duration(r.rate))
			if ahead := time.Until(due); ahead > 0 {
				time.Sleep(max(ahead, tick))
			}
			client.Produce(ctx, r.record(i), func(_ *kgo.Record, err error) {
				r.latencies[i] = time.Since(due)
				r.count(err)
			})
		}
		return client.Flush(ctx)
	case "flush":
		for i := range r.records {
			start := time.Now()
			client.Produce(ctx, r.record(i), count)
			if err := client.Flush(ctx); err != nil {
				return err
			}
			r.latencies[i] = time.Since(start)
		}
		return nil
	}
	if r.workload == "transactions" {
		return r.transactions(ctx, client)
	}
	return fmt.Errorf("%s: not a workload", r.workload)
}

// transactions sends transactions of r.transaction records; the latencies are those of commits.
func (r *run) transactions(ctx context.Context, client *kgo.Client) error {
	start := time.Now()
	if _, _, err := client.ProducerID(ctx); err != nil {
		return err
	}
	r.countedFrom = time.Now()
	r.init = r.countedFrom.Sub(start)
	count := func(_ *kgo.Record, err error) { r.count(err) }
	for number := range r.latencies {
		if err := client.BeginTransaction(); err != nil {
			return err
		}
		for i := number * r.transaction; i < (number+1)*r.transaction; i++ {
			client.Produce(ctx, r.record(i), count)
		}
		start := time.Now()
		if err := client.Flush(ctx); err != nil {
			return err
		}
		if err := client.EndTransaction(ctx, kgo.TryCommit); err != nil {
			return err
		}
		r.ended = time.Now()
		r.latencies[number] = r.ended.Sub(start)
		if number+1 == r.warmUp/r.transaction {
			r.countedFrom = r.ended
		}
	}
	return nil
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}

func peakRSS() (float64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if kib, found := strings.CutPrefix(line, "VmHWM:"); found {
			number, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(kib), " kB"), 64)
			return number * 1024 / 1e6, err
		}
	}
	return 0, fmt.Errorf("/proc/self/status has no VmHWM")
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == "github.com/twmb/franz-go" {
				return "franz-go " + module.Version + ", " + info.GoVersion
			}
		}
	}
	return "franz-go"
}

func measure(arguments []string) error {
	if len(arguments) == 0 {
		return fmt.Errorf("usage: franz-go WORKLOAD [OPTION]...")
	}
	r := &run{workload: arguments[0]}
	flags := flag.NewFlagSet("franz-go", flag.ExitOnError)
	flags.StringVar(&r.bootstrap, "bootstrap", "localhost:9092", "the broker")
	flags.StringVar(&r.topic, "topic", "", "the topic, or the start of their names")
	flags.IntVar(&r.topics, "topics", 1, "how many topics")
	flags.IntVar(&r.records, "records", 1_000_000, "how many records")
	flags.IntVar(&r.warmUp, "warm-up", 0, "of these, the first that no latency is taken of")
	flags.IntVar(&r.size, "size", 100, "bytes of a value")
	flags.StringVar(&r.compression, "compression", "none", "none or lz4")
	flags.Bool("keyed", true, "the key is the record's number")
	flags.BoolVar(&r.keyless, "keyless", false, "no key")
	flags.IntVar(&r.rate, "rate", 20_000, "records a second, for latency-open")
	flags.IntVar(&r.lingerMillis, "linger-ms", 5, "linger")
	flags.IntVar(&r.window, "window", 10_000, "the most records in flight")
	flags.IntVar(&r.transaction, "transaction-records", 100, "records per transaction")
	values := flags.String("values", "", "the file that values are cut from")
	if err := flags.Parse(arguments[1:]); err != nil {
		return err
	}
	var err error
	if r.values, err = os.ReadFile(*values); err != nil {
		return err
	}
	r.topicNames = []string{r.topic}
	if r.topics > 1 {
		r.topicNames = nil
		for i := range r.topics {
			r.topicNames = append(r.topicNames, fmt.Sprintf("%s-%d", r.topic, i))
		}
	}
	switch r.workload {
	case "throughput":
	case "transactions":
		r.latencies = make([]time.Duration, r.records/r.transaction)
	default:
		r.latencies = make([]time.Duration, r.records)
	}

	cpu, start := cpuSeconds(), time.Now()
	client, err := r.client()
	if err != nil {
		return err
	}
	if err := r.send(client); err != nil {
		return err
	}
	seconds := time.Since(start).Seconds()
	cpu = cpuSeconds() - cpu
	client.Close()

	line := map[string]any{
		"acknowledged": r.acknowledged.Load(), "failed": r.failed.Load(), "seconds": seconds, "cpu_s": cpu, "version": version(),
	}
	if line["peak_rss_mb"], err = peakRSS(); err != nil {
		return err
	}
	if r.latencies != nil {
		warmUp := r.warmUp
		if r.workload == "transactions" {
			warmUp /= r.transaction
			line["init_ms"] = float64(r.init.Nanoseconds()) / 1e6
			line["commits_per_s"] = float64(len(r.latencies)-warmUp) / r.ended.Sub(r.countedFrom).Seconds()
		}
		sorted := slices.Sorted(slices.Values(r.latencies[warmUp:]))
		for name, fraction := range map[string]float64{"p50_us": 0.5, "p99_us": 0.99, "p999_us": 0.999} {
			rank := int(math.Ceil(float64(len(sorted)) * fraction))
			line[name] = float64(sorted[rank-1].Nanoseconds()) / 1e3
		}
	}
	return json.NewEncoder(os.Stdout).Encode(line)
}

func main() {
	if err := measure(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

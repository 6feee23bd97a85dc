import com.sun.management.OperatingSystemMXBean;
import java.io.File;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.utils.internals.AppInfoParser;

/**
 * Kafka's Java client, a callback for every record. The command line, the records and the line that it prints are those of the other
 * clients (bench/workload).
 */
public final class Client {
    /** How far apart values start in their file (see bench/workload/src/records.rs). */
    private static final long STRIDE = 162_017;
    /** The shortest sleep of latency-open (see bench/workload/src/schedule.rs). */
    private static final long TICK_NANOS = 1_000_000;

    private final String workload;
    private final int records;
    private final int warmUp;
    private final int size;
    private final long rate;
    private final boolean keyed;
    private final byte[] values;
    private final String[] topics;
    private final Properties settings = new Properties();
    private final AtomicInteger acknowledged = new AtomicInteger();
    private final AtomicInteger failed = new AtomicInteger();
    private final long[] latencies;
    /** The fields of a transactional run in the printed line. */
    private final StringBuilder commits = new StringBuilder();
    private final int transactionRecords;

    private Client(String workload, Map<String, String> options) throws Exception {
        this.workload = workload;
        records = Integer.parseInt(options.getOrDefault("records", "1000000"));
        warmUp = Integer.parseInt(options.getOrDefault("warm-up", "0"));
        size = Integer.parseInt(options.getOrDefault("size", "100"));
        rate = Long.parseLong(options.getOrDefault("rate", "20000"));
        transactionRecords = Integer.parseInt(options.getOrDefault("transaction-records", "100"));
        keyed = !options.containsKey("keyless");
        values = Files.readAllBytes(Path.of(options.get("values")));
        topics = new String[Integer.parseInt(options.getOrDefault("topics", "1"))];
        for (int i = 0; i < topics.length; i++) {
            topics[i] = topics.length == 1 ? options.get("topic") : options.get("topic") + "-" + i;
        }
        latencies = switch (workload) {
            case "throughput" -> null;
            case "transactions" -> new long[records / transactionRecords];
            default -> new long[records];
        };
        if (workload.equals("transactions")) {
            settings.put("transactional.id", options.get("topic"));
        }
        settings.put("bootstrap.servers", options.getOrDefault("bootstrap", "localhost:9092"));
        settings.put("acks", "all");
        settings.put("enable.idempotence", "true");
        settings.put("linger.ms", options.getOrDefault("linger-ms", "5"));
        settings.put("batch.size", "1000000");
        settings.put("compression.type", options.getOrDefault("compression", "none"));
        if (options.containsKey("buffer-memory")) {
            settings.put("buffer.memory", options.get("buffer-memory"));
        }
        settings.put("key.serializer", ByteArraySerializer.class.getName());
        settings.put("value.serializer", ByteArraySerializer.class.getName());
    }

    private ProducerRecord<byte[], byte[]> record(int i) {
        int start = (int) (i * STRIDE % (values.length - size));
        byte[] key = keyed ? ByteBuffer.allocate(Long.BYTES).putLong(i).array() : null;
        return new ProducerRecord<>(topics[i % topics.length], key, Arrays.copyOfRange(values, start, start + size));
    }

    private void count(Exception error) {
        (error == null ? acknowledged : failed).incrementAndGet();
    }

    private void send(KafkaProducer<byte[], byte[]> producer) throws Exception {
        Callback count = (metadata, error) -> count(error);
        switch (workload) {
            case "throughput" -> {
                for (int i = 0; i < records; i++) {
                    producer.send(record(i), count);
                }
                producer.flush();
            }
            case "latency-closed" -> {
                for (int i = 0; i < records; i++) {
                    long start = System.nanoTime();
                    producer.send(record(i)).get();
                    latencies[i] = System.nanoTime() - start;
                    count(null);
                }
            }
            case "latency-open" -> {
                long start = System.nanoTime();
                for (int i = 0; i < records; i++) {
                    int index = i;
                    long due = start + i * 1_000_000_000L / rate;
                    for (long ahead = due - System.nanoTime(); ahead > 0; ahead = due - System.nanoTime()) {
                        LockSupport.parkNanos(Math.max(ahead, TICK_NANOS));
                    }
                    producer.send(record(i), (metadata, error) -> {
                        latencies[index] = System.nanoTime() - due;
                        count(error);
                    });
                }
                producer.flush();
            }
            case "flush" -> {
                for (int i = 0; i < records; i++) {
                    long start = System.nanoTime();
                    producer.send(record(i), count);
                    producer.flush();
                    latencies[i] = System.nanoTime() - start;
                }
            }
            case "transactions" -> {
                long begun = System.nanoTime();
                producer.initTransactions();
                long countedFrom = System.nanoTime();
                long init = countedFrom - begun;
                int warmUp = this.warmUp / transactionRecords;
                for (int number = 0; number < latencies.length; number++) {
                    producer.beginTransaction();
                    for (int i = number * transactionRecords; i < (number + 1) * transactionRecords; i++) {
                        producer.send(record(i), count);
                    }
                    long start = System.nanoTime();
                    producer.commitTransaction();
                    latencies[number] = System.nanoTime() - start;
                    if (number + 1 == warmUp) {
                        countedFrom = System.nanoTime();
                    }
                }
                double seconds = (System.nanoTime() - countedFrom) / 1e9;
                commits.append(String.format(Locale.ROOT, ",\"init_ms\":%f,\"commits_per_s\":%f", init / 1e6,
                    (latencies.length - warmUp) / seconds));
            }
            default -> throw new IllegalArgumentException(workload + ": not a workload");
        }
    }

    private void measure() throws Exception {
        var system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        long cpu = system.getProcessCpuTime();
        long start = System.nanoTime();
        try (var producer = new KafkaProducer<byte[], byte[]>(settings)) {
            send(producer);
            double seconds = (System.nanoTime() - start) / 1e9;
            double cpuSeconds = (system.getProcessCpuTime() - cpu) / 1e9;
            var line = new StringBuilder(String.format(Locale.ROOT,
                "{\"acknowledged\":%d,\"failed\":%d,\"seconds\":%f,\"cpu_s\":%f,\"peak_rss_mb\":%f,\"version\":\"kafka-clients %s, Java %s\"",
                acknowledged.get(), failed.get(), seconds, cpuSeconds, peakRss(), AppInfoParser.getVersion(),
                Runtime.version()));
            if (latencies != null) {
                line.append(commits);
                int first = workload.equals("transactions") ? warmUp / transactionRecords : warmUp;
                long[] sorted = Arrays.copyOfRange(latencies, first, latencies.length);
                Arrays.sort(sorted);
                line.append(quantile("p50_us", sorted, 0.5)).append(quantile("p99_us", sorted, 0.99));
                line.append(quantile("p999_us", sorted, 0.999));
            }
            System.out.println(line.append('}'));
        }
    }

    private static String quantile(String name, long[] sorted, double fraction) {
        int rank = (int) Math.ceil(sorted.length * fraction);
        return String.format(Locale.ROOT, ",\"%s\":%f", name, sorted[rank - 1] / 1e3);
    }

    private static double peakRss() throws Exception {
        return size("VmHWM:");
    }

    private static double size(String name) throws Exception {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith(name)) {
                return Long.parseLong(line.replaceAll("\\D", "")) * 1024 / 1e6;
            }
        }
        throw new IllegalStateException("/proc/self/status has no " + name);
    }

    /** One producer per record: each sends it and then nothing. The same as in bench/workload/src/idle.rs. */
    private void idle() throws Exception {
        var system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        long cpu = system.getProcessCpuTime();
        long start = System.nanoTime();
        var producers = new ArrayList<KafkaProducer<byte[], byte[]>>();
        for (int i = 0; i < records; i++) {
            producers.add(new KafkaProducer<>(settings));
        }
        double buildMs = (System.nanoTime() - start) / 1e6;
        for (int i = 0; i < records; i++) {
            producers.get(i).send(record(i)).get();
        }
        Thread.sleep(5_000);
        long idleCpu = system.getProcessCpuTime();
        long wakeups = wakeups();
        Thread.sleep(10_000);
        double perSecond = (wakeups() - wakeups) / 10.0;
        double idleMs = (system.getProcessCpuTime() - idleCpu) / 1e7;
        int threads = new File("/proc/self/task").list().length;
        double rss = size("VmRSS:");
        long end = System.nanoTime();
        for (var producer : producers) {
            producer.close();
        }
        long now = System.nanoTime();
        System.out.println(String.format(Locale.ROOT,
            "{\"acknowledged\":%d,\"failed\":0,\"seconds\":%f,\"cpu_s\":%f,\"peak_rss_mb\":%f,\"version\":\"kafka-clients %s, Java %s\","
                + "\"build_ms\":%f,\"drop_ms\":%f,\"threads\":%d,\"rss_mb\":%f,\"wakeups_per_s\":%f,\"idle_cpu_ms_per_s\":%f}",
            records, (now - start) / 1e9, (system.getProcessCpuTime() - cpu) / 1e9, peakRss(), AppInfoParser.getVersion(),
            Runtime.version(), buildMs, (now - end) / 1e6, threads, rss, perSecond, idleMs));
    }

    /** How often the threads of this process have gone to sleep so far. */
    private static long wakeups() throws Exception {
        long sum = 0;
        for (File task : new File("/proc/self/task").listFiles()) {
            for (String line : Files.readAllLines(task.toPath().resolve("status"))) {
                if (line.startsWith("voluntary_ctxt_switches:")) {
                    sum += Long.parseLong(line.replaceAll("\\D", ""));
                }
            }
        }
        return sum;
    }

    public static void main(String[] arguments) throws Exception {
        var options = new HashMap<String, String>();
        for (int i = 1; i < arguments.length; i++) {
            String name = arguments[i].substring(2);
            boolean flag = name.equals("keyed") || name.equals("keyless");
            options.put(name, flag ? "" : arguments[++i]);
        }
        var client = new Client(arguments[0], options);
        if (client.workload.equals("idle")) {
            client.idle();
        } else {
            client.measure();
        }
    }
}

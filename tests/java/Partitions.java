// Prints the partitions that Java's partitioner chooses for 100,000 keys, as JSON: the source of tests/data/java-partitions.json. Run with
//   java -cp kafka-clients-4.4.0.jar:slf4j-api.jar tests/java/Partitions.java > tests/data/java-partitions.json
// The keys are those of tests/it/java_keys.rs. The output has a digest of all partitions, and the partitions of every 997th key. A digest is
// 64-bit FNV-1a over the keys, each after its length, or over the partitions; numbers are four bytes, little-endian.

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.utils.internals.AppInfoParser;

public class Partitions {
    static final long SEED = 20260401;
    static final int COUNT = 100000;
    static final int[] TOPICS = {1, 6, 7, 32, 100};
    static final int[][] LETTERS = {{0xc0, 64}, {0x3b1, 25}, {0x4e00, 20000}, {0x1f300, 256}};

    static long state = SEED;

    public static void main(String[] args) {
        Digest keys = new Digest();
        Digest[] digests = new Digest[TOPICS.length];
        for (int topic = 0; topic < TOPICS.length; topic++) digests[topic] = new Digest();
        List<String> rows = new ArrayList<>();
        for (int index = 0; index < COUNT; index++) {
            byte[] key = key(index);
            keys.add(key.length);
            keys.add(key);
            StringBuilder row = new StringBuilder("[" + index);
            for (int topic = 0; topic < TOPICS.length; topic++) {
                int partition = BuiltInPartitioner.partitionForKey(key, TOPICS[topic]);
                digests[topic].add(partition);
                row.append(", ").append(partition);
            }
            if (index % 997 == 0) rows.add(row + "]");
        }
        System.out.println("{\n \"about\": \"Where the partitioner of kafka-clients " + AppInfoParser.getVersion() + " puts the " + COUNT
                + " keys of tests/it/java_keys.rs; printed by tests/java/Partitions.java, which says what a digest is.\",");
        System.out.println(" \"keys\": \"" + keys + "\",\n \"partitions\": {");
        for (int topic = 0; topic < TOPICS.length; topic++) {
            System.out.println("  \"" + TOPICS[topic] + "\": \"" + digests[topic] + "\"" + (topic < TOPICS.length - 1 ? "," : ""));
        }
        System.out.println(" },\n \"rows\": [\n  " + String.join(",\n  ", rows) + "\n ]\n}");
    }

    static byte[] key(int index) {
        if (index % 1000 == 0) return new byte[0];
        if (index % 1000 == 1) return bytes(10240);
        switch (index % 10) {
            case 2:
                return bytes(1);
            case 3:
                StringBuilder text = new StringBuilder();
                for (int left = 1 + below(16); left > 0; left--) {
                    int[] letters = LETTERS[below(4)];
                    text.appendCodePoint(letters[0] + below(letters[1]));
                }
                return text.toString().getBytes(StandardCharsets.UTF_8);
            case 4:
                return ("key-" + below(1000000000)).getBytes(StandardCharsets.UTF_8);
            default:
                return bytes(1 + below(64));
        }
    }

    static byte[] bytes(int length) {
        byte[] bytes = new byte[length];
        for (int at = 0; at < length; at++) bytes[at] = (byte) nextNumber();
        return bytes;
    }

    static int below(int limit) {
        return (int) Long.remainderUnsigned(nextNumber(), limit);
    }

    // SplitMix64
    static long nextNumber() {
        state += 0x9e3779b97f4a7c15L;
        long z = (state ^ (state >>> 30)) * 0xbf58476d1ce4e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
        return z ^ (z >>> 31);
    }

    static class Digest {
        long hash = 0xcbf29ce484222325L;

        void add(int number) {
            add(new byte[] {(byte) number, (byte) (number >> 8), (byte) (number >> 16), (byte) (number >> 24)});
        }

        void add(byte[] bytes) {
            for (byte b : bytes) hash = (hash ^ (b & 0xff)) * 0x100000001b3L;
        }

        @Override
        public String toString() {
            return String.format("%016x", hash);
        }
    }
}

// Prints how often Java's built-in partitioner chooses each partition for records without a key, as JSON: the source of
// tests/data/java-rack-aware.json. Run with
//   java -cp kafka-clients-4.4.0.jar:slf4j-api.jar tests/java/RackAware.java > tests/data/java-rack-aware.json
// A partition is the rack of its leader (null for no leader) and the length of its queue. Without queues, partitioning is not adaptive.

import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.Cluster;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.utils.internals.AppInfoParser;
import org.apache.kafka.common.utils.internals.LogContext;

public class RackAware {
    static final int DRAWS = 200000;

    public static void main(String[] args) throws Exception {
        List<String> rows = new ArrayList<>();
        String[] even = {"a", "b", "c", "a", "b", "c"};
        for (String rack : new String[] {"a", "b", "c", "d", null}) {
            rows.add(row(rack, even, null));
            rows.add(row(rack, even, new int[] {0, 3, 1, 4, 0, 2}));
            rows.add(row(rack, new String[] {"a", null, "a", "b", null, "b"}, null));
            rows.add(row(rack, new String[] {"a", null, "a", "b", null, "b"}, new int[] {5, 9, 0, 2, 9, 7}));
            rows.add(row(rack, new String[] {"b", "b", "b", "", "b", "b"}, new int[] {1, 1, 1, 1, 1, 1}));
        }
        System.out.println("{\n \"about\": \"The draws of the built-in partitioner of kafka-clients " + AppInfoParser.getVersion()
                + " for records without a key; printed by tests/java/RackAware.java.\",");
        System.out.println(" \"draws\": " + DRAWS + ",\n \"cases\": [\n  " + String.join(",\n  ", rows) + "\n ]\n}");
    }

    /** With the rack null, partitioning is not rack-aware. */
    static String row(String rack, String[] racks, int[] queues) throws Exception {
        BuiltInPartitioner partitioner = new BuiltInPartitioner(new LogContext(), "topic", 1, rack != null, rack);
        List<Node> nodes = new ArrayList<>();
        List<PartitionInfo> partitions = new ArrayList<>();
        int[] sizes = new int[racks.length];
        int[] ids = new int[racks.length];
        String[] leaders = new String[racks.length];
        int length = 0;
        for (int id = 0; id < racks.length; id++) {
            Node leader = racks[id] == null ? null : new Node(id, "localhost", 9092 + id, racks[id]);
            if (leader != null) {
                nodes.add(leader);
                // The accumulator leaves out partitions without a leader.
                if (queues != null) sizes[length] = queues[id];
                ids[length] = id;
                leaders[length++] = racks[id];
            }
            partitions.add(new PartitionInfo("topic", id, leader, new Node[0], new Node[0]));
        }
        if (queues != null) partitioner.updatePartitionLoadStats(sizes, ids, leaders, length);
        Cluster cluster = new Cluster("id", nodes, partitions, Set.of(), Set.of());
        Method next = BuiltInPartitioner.class.getDeclaredMethod("nextPartition", Cluster.class);
        next.setAccessible(true);
        int[] draws = new int[racks.length];
        for (int draw = 0; draw < DRAWS; draw++) draws[(int) next.invoke(partitioner, cluster)]++;
        return "{\"rack\":" + quoted(rack) + ",\"racks\":" + texts(racks) + ",\"queues\":" + numbers(queues) + ",\"drawn\":" + numbers(draws) + "}";
    }

    static String quoted(String text) {
        return text == null ? "null" : "\"" + text + "\"";
    }

    static String texts(String[] texts) {
        List<String> list = new ArrayList<>();
        for (String text : texts) list.add(quoted(text));
        return "[" + String.join(",", list) + "]";
    }

    static String numbers(int[] numbers) {
        if (numbers == null) return "null";
        List<String> list = new ArrayList<>();
        for (int number : numbers) list.add("" + number);
        return "[" + String.join(",", list) + "]";
    }
}

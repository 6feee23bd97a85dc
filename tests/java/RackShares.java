// Sends records of 100 bytes without a key and prints how many went to each partition, as JSON: Java's side of tests/it/broker/rack_aware.rs.
//   java -cp kafka-clients-4.4.0.jar:slf4j-api.jar tests/java/RackShares.java BOOTSTRAP TOPIC RECORDS [NAME=VALUE]...

import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public class RackShares {
    public static void main(String[] args) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        for (int n = 3; n < args.length; n++) settings.put(args[n].split("=", 2)[0], args[n].split("=", 2)[1]);
        TreeMap<Integer, Integer> shares = new TreeMap<>();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (int n = Integer.parseInt(args[2]); n > 0; n--) sent.add(producer.send(new ProducerRecord<>(args[1], new byte[100])));
            for (Future<RecordMetadata> one : sent) shares.merge(one.get().partition(), 1, Integer::sum);
        }
        List<String> members = new ArrayList<>();
        shares.forEach((partition, records) -> members.add("\"" + partition + "\":" + records));
        System.out.println("{" + String.join(",", members) + "}");
    }
}

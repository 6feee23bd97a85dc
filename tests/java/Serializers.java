// Prints the output of Java's serializers, as JSON: the source of tests/data/java-serializers.json. Run with
//   java -cp kafka-clients-4.4.0.jar:slf4j-api.jar tests/java/Serializers.java > tests/data/java-serializers.json
// "bits" are the raw bits of a float or double in hexadecimal, because JSON has no NaN and no infinity.

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.UUID;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.common.utils.internals.AppInfoParser;

public class Serializers {
    static final List<String> vectors = new ArrayList<>();
    static final List<String> refused = new ArrayList<>();

    public static void main(String[] args) {
        for (String text : new String[] {"", "a", "o-1", "grüße", "日本語", "🚀", "line\nfeed", "nul\0inside"}) {
            write(new StringSerializer(), text, "\"value\":" + quote(text));
        }
        for (byte[] bytes : new byte[][] {{}, {0}, {-1, 0, 1, 127, -128}}) {
            write(new ByteArraySerializer(), bytes, "\"value\":\"" + hex(bytes) + "\"");
        }
        for (short number : new short[] {0, 1, -1, 258, Short.MIN_VALUE, Short.MAX_VALUE}) {
            write(new ShortSerializer(), number, "\"value\":" + number);
        }
        for (int number : new int[] {0, 1, -1, 16909060, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
            write(new IntegerSerializer(), number, "\"value\":" + number);
        }
        for (long number : new long[] {0, 1, -1, 72623859790382856L, Long.MIN_VALUE, Long.MAX_VALUE}) {
            write(new LongSerializer(), number, "\"value\":" + number);
        }
        for (float number : new float[] {0, -0.0f, 1.5f, -2.25f, Float.MIN_VALUE, Float.MAX_VALUE,
                Float.POSITIVE_INFINITY, Float.NaN, Float.intBitsToFloat(0x7fc00001)}) {
            write(new FloatSerializer(), number, String.format("\"bits\":\"%08x\"", Float.floatToRawIntBits(number)));
        }
        for (double number : new double[] {0, -0.0, 1.5, -2.25, Double.MIN_VALUE, Double.MAX_VALUE,
                Double.NEGATIVE_INFINITY, Double.NaN, Double.longBitsToDouble(0x7ff8000000000001L)}) {
            write(new DoubleSerializer(), number, String.format("\"bits\":\"%016x\"", Double.doubleToRawLongBits(number)));
        }
        for (boolean truth : new boolean[] {true, false}) {
            write(new BooleanSerializer(), truth, "\"value\":" + truth);
        }
        for (String text : new String[] {"00000000-0000-0000-0000-000000000000", "6BA7B810-9DAD-11D1-80B4-00C04FD430C8",
                "ffffffff-ffff-ffff-ffff-ffffffffffff"}) {
            write(new UUIDSerializer(), UUID.fromString(text), "\"value\":" + quote(text));
        }
        write(new VoidSerializer(), null, "\"value\":null");

        for (int length : new int[] {0, 1, 2, 3, 4, 5, 7, 8, 9}) {
            read("Short", new ShortDeserializer(), new byte[length]);
            read("Integer", new IntegerDeserializer(), new byte[length]);
            read("Long", new LongDeserializer(), new byte[length]);
            read("Float", new FloatDeserializer(), new byte[length]);
            read("Double", new DoubleDeserializer(), new byte[length]);
            read("Boolean", new BooleanDeserializer(), new byte[length]);
            read("UUID", new UUIDDeserializer(), new byte[length]);
            read("Void", new VoidDeserializer(), new byte[length]);
        }
        read("Boolean", new BooleanDeserializer(), new byte[] {2});

        System.out.println("{\n \"about\": \"What the serializers of kafka-clients " + AppInfoParser.getVersion()
                + " write, and the bytes that its deserializers refuse; printed by tests/java/Serializers.java.\",");
        System.out.println(" \"serialized\": [\n  " + String.join(",\n  ", vectors) + "\n ],");
        System.out.println(" \"refused\": [\n  " + String.join(",\n  ", refused) + "\n ]\n}");
    }

    static <T> void write(Serializer<T> serializer, T value, String json) {
        byte[] bytes = serializer.serialize("topic", value);
        vectors.add("{\"serializer\":\"" + serializer.getClass().getSimpleName() + "\"," + json + ",\"bytes\":"
                + (bytes == null ? "null" : "\"" + hex(bytes) + "\"") + "}");
        if (value != null && serializer.serialize("topic", null) != null) {
            throw new IllegalStateException(serializer.getClass() + " makes something of null");
        }
    }

    static void read(String type, Deserializer<?> deserializer, byte[] bytes) {
        try {
            deserializer.deserialize("topic", bytes);
        } catch (RuntimeException e) {
            refused.add("{\"type\":\"" + type + "\",\"bytes\":\"" + hex(bytes) + "\"}");
        }
    }

    static String hex(byte[] bytes) {
        return HexFormat.of().formatHex(bytes);
    }

    static String quote(String text) {
        StringBuilder json = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            json.append(c < 0x20 || c > 0x7e ? String.format("\\u%04x", (int) c) : String.valueOf(c));
        }
        return json.append('"').toString();
    }
}

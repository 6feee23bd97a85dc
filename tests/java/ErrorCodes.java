// Prints the error codes of brokers, as JSON: the source of tests/data/java-errors.json. Run with
//   java -cp kafka-clients-4.4.0.jar:slf4j-api.jar tests/java/ErrorCodes.java > tests/data/java-errors.json

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.utils.internals.AppInfoParser;

public class ErrorCodes {
    public static void main(String[] args) {
        Errors[] errors = Errors.values();
        Arrays.sort(errors, Comparator.comparing(Errors::code));
        List<String> lines = new ArrayList<>();
        for (Errors error : errors) {
            Exception exception = error.exception();
            lines.add("{\"code\":" + error.code() + ",\"name\":\"" + error.name() + "\",\"exception\":"
                    + (exception == null ? "null" : "\"" + exception.getClass().getSimpleName() + "\"")
                    + ",\"retriable\":" + (exception instanceof RetriableException) + "}");
        }
        System.out.println("{\n \"about\": \"The errors of kafka-clients " + AppInfoParser.getVersion()
                + "; printed by tests/java/ErrorCodes.java.\",");
        System.out.println(" \"errors\": [\n  " + String.join(",\n  ", lines) + "\n ]\n}");
    }
}

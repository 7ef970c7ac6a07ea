import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.flink.api.common.accumulators.LongCounter;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

/**
 * A job for tests that starts fast and costs little: a sequence, a map that sleeps, a count per key in keyed state. Every
 * operator has a uid, so that any savepoint of it can be restored into any other run of it.
 *
 * <p>Options, all as {@code --name value}:
 *
 * <ul>
 *   <li>{@code records}: length of the sequence, without end by default
 *   <li>{@code sleep-ms}: pause of each map subtask per record, 20 by default
 *   <li>{@code keys}: number of keys, 10 by default
 *   <li>{@code fail-after}: a map subtask throws after that many records of one attempt; never by default
 *   <li>{@code fail-attempts}: only that many attempts fail, 1 by default
 *   <li>{@code fail-main}: {@code true} lets main throw before there is a job
 *   <li>{@code main-megabytes}: main takes that much memory outside of the heap first; needs as much of -XX:MaxDirectMemorySize
 *   <li>{@code name}: the job's name
 * </ul>
 *
 * <p>Accumulators, to be read at /jobs/:id/accumulators: {@code records} counted by this attempt, and {@code restored}, the
 * sum over keys of the counts that were found in state: above 0 only when the job started from a snapshot.
 */
public final class TinyJob {
    private static final List<ByteBuffer> TAKEN = new ArrayList<>();

    private TinyJob() {}

    /** Builds and runs the job. */
    public static void main(String[] args) throws Exception {
        Map<String, String> options = options(args);
        if (Boolean.parseBoolean(options.getOrDefault("fail-main", "false"))) {
            throw new IllegalStateException("TinyJob: main fails as --fail-main asks");
        }
        takeMemory(number(options, "main-megabytes", 0));
        long keys = number(options, "keys", 10);

        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.fromSequence(0, number(options, "records", Long.MAX_VALUE - 1))
                .uid("source")
                .map(
                        new Slow(
                                number(options, "sleep-ms", 20),
                                number(options, "fail-after", Long.MAX_VALUE),
                                number(options, "fail-attempts", 1)))
                .returns(Types.LONG)
                .uid("slow")
                .name("slow")
                .keyBy(value -> value % keys, Types.LONG)
                .map(new Count(keys))
                .returns(Types.LONG)
                .uid("count")
                .name("count")
                .sinkTo(new DiscardingSink<>())
                .uid("sink")
                .name("sink");
        env.execute(options.getOrDefault("name", "TinyJob"));
    }

    /** Keeps the memory; zeroing it makes it real. */
    private static void takeMemory(long megabytes) {
        for (long i = 0; i < megabytes; i++) {
            TAKEN.add(ByteBuffer.allocateDirect(1 << 20));
        }
    }

    private static Map<String, String> options(String[] args) {
        Map<String, String> options = new HashMap<>();
        for (int i = 0; i < args.length; i += 2) {
            if (!args[i].startsWith("--") || i + 1 == args.length) {
                throw new IllegalArgumentException("TinyJob: expected --name value, found " + args[i]);
            }
            options.put(args[i].substring(2), args[i + 1]);
        }
        return options;
    }

    private static long number(Map<String, String> options, String name, long otherwise) {
        return Long.parseLong(options.getOrDefault(name, Long.toString(otherwise)));
    }

    /** Passes records on slowly, and fails when asked to. */
    private static final class Slow extends RichMapFunction<Long, Long> {
        private static final long serialVersionUID = 1L;

        private final long sleepMillis;
        private final long failAfter;
        private final long failAttempts;
        private long seen;

        Slow(long sleepMillis, long failAfter, long failAttempts) {
            this.sleepMillis = sleepMillis;
            this.failAfter = failAfter;
            this.failAttempts = failAttempts;
        }

        @Override
        public Long map(Long value) throws Exception {
            int attempt = getRuntimeContext().getTaskInfo().getAttemptNumber();
            if (seen++ >= failAfter && attempt < failAttempts) {
                throw new IllegalStateException(
                        "TinyJob: fails after " + failAfter + " records as --fail-after asks, attempt " + attempt);
            }
            if (sleepMillis > 0) {
                Thread.sleep(sleepMillis);
            }
            return value;
        }
    }

    /** Counts the records of each key in keyed state. */
    private static final class Count extends RichMapFunction<Long, Long> {
        private static final long serialVersionUID = 1L;

        private final long keys;
        private final LongCounter records = new LongCounter();
        private final LongCounter restored = new LongCounter();
        private transient ValueState<Long> count;
        private transient Set<Long> seen;

        Count(long keys) {
            this.keys = keys;
        }

        @Override
        public void open(OpenContext context) {
            seen = new HashSet<>();
            count = getRuntimeContext().getState(new ValueStateDescriptor<>("count", Types.LONG));
            getRuntimeContext().addAccumulator("records", records);
            getRuntimeContext().addAccumulator("restored", restored);
        }

        @Override
        public Long map(Long value) throws Exception {
            Long before = count.value();
            if (seen.add(value % keys) && before != null) {
                restored.add(before);
            }
            long now = (before == null ? 0 : before) + 1;
            count.update(now);
            records.add(1);
            return now;
        }
    }
}

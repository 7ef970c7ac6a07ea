import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.annotation.Annotation;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Enumeration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Prints what a Flink distribution knows of options.
 *
 * - For every static field of type ConfigOption a line: "option", class, field, key, type, default, fallback keys ("-"
 *   before deprecated ones), values of an enum, notes.
 * - For every line of standard input, a key and a text: "value", both again, and whether Flink reads that text, from the
 *   configuration file that its images have, as that option: "yes", "no", or "unset" where it takes the line for nothing.
 *
 * Usage: java Options.java DISTRIBUTION (the folder that holds lib, opt and plugins)
 */
public class Options {
    static final String OPTION = "org.apache.flink.configuration.ConfigOption";

    public static void main(String[] arguments) throws Exception {
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        // Initialisers of Flink's classes may print; only rows go to standard output.
        System.setOut(System.err);
        List<Path> jars = jars(Paths.get(arguments[0]));
        URL[] urls = new URL[jars.size()];
        for (int i = 0; i < urls.length; i++) {
            urls[i] = jars.get(i).toUri().toURL();
        }
        TreeSet<String> rows = new TreeSet<>();
        Map<String, Object> byKey = new TreeMap<>();
        try (URLClassLoader loader = new URLClassLoader(urls, ClassLoader.getPlatformClassLoader())) {
            Thread.currentThread().setContextClassLoader(loader);
            for (Path jar : jars) {
                for (String name : candidates(jar)) {
                    rows.addAll(options(name, loader, byKey));
                }
            }
            rows.forEach(out::println);
            values(loader, byKey, out);
        }
        out.flush();
        // Some classes start threads.
        System.exit(rows.isEmpty() ? 1 : 0);
    }

    /** The distribution's jars, and those that its jars carry within (the planner). */
    static List<Path> jars(Path distribution) throws IOException {
        List<Path> jars;
        try (Stream<Path> files = Files.walk(distribution)) {
            jars = files.filter(f -> f.toString().endsWith(".jar")).sorted().collect(Collectors.toCollection(ArrayList::new));
        }
        for (Path jar : List.copyOf(jars)) {
            try (JarFile file = new JarFile(jar.toFile())) {
                for (Enumeration<JarEntry> entries = file.entries(); entries.hasMoreElements(); ) {
                    JarEntry entry = entries.nextElement();
                    if (entry.getName().endsWith(".jar")) {
                        File inner = File.createTempFile("inner", ".jar");
                        inner.deleteOnExit();
                        try (InputStream in = file.getInputStream(entry)) {
                            Files.write(inner.toPath(), in.readAllBytes());
                        }
                        jars.add(inner.toPath());
                    }
                }
            }
        }
        return jars;
    }

    /** Names of Flink's classes that mention ConfigOption. */
    static List<String> candidates(Path jar) throws IOException {
        List<String> names = new ArrayList<>();
        try (JarFile file = new JarFile(jar.toFile())) {
            for (Enumeration<JarEntry> entries = file.entries(); entries.hasMoreElements(); ) {
                JarEntry entry = entries.nextElement();
                String name = entry.getName();
                if (name.startsWith("org/apache/flink/") && name.endsWith(".class") && !name.contains("/shaded/")) {
                    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
                    try (InputStream in = file.getInputStream(entry)) {
                        in.transferTo(bytes);
                    }
                    if (bytes.toString(StandardCharsets.ISO_8859_1).contains("Lorg/apache/flink/configuration/ConfigOption;")) {
                        names.add(name.substring(0, name.length() - ".class".length()).replace('/', '.'));
                    }
                }
            }
        }
        return names;
    }

    static List<String> options(String name, ClassLoader loader, Map<String, Object> byKey) {
        List<String> rows = new ArrayList<>();
        Field[] fields;
        try {
            fields = Class.forName(name, false, loader).getDeclaredFields();
        } catch (LinkageError | ClassNotFoundException e) {
            System.err.println("skipped " + name + ": " + e);
            return rows;
        }
        for (Field field : fields) {
            if (Modifier.isStatic(field.getModifiers()) && field.getType().getName().equals(OPTION)) {
                try {
                    field.setAccessible(true);
                    Object option = field.get(null);
                    if (option != null) {
                        byKey.put((String) call(option, "key"), option);
                        rows.add(row(name, field, option));
                    }
                } catch (LinkageError | ReflectiveOperationException | RuntimeException e) {
                    System.err.println("skipped " + name + "." + field.getName() + ": " + e);
                }
            }
        }
        return rows;
    }

    static String row(String name, Field field, Object option) throws ReflectiveOperationException {
        Class<?> type = (Class<?>) get(option, "clazz");
        boolean list = (Boolean) get(option, "isList");
        List<String> fallbacks = new ArrayList<>();
        for (Object fallback : (Object[]) get(option, "fallbackKeys")) {
            fallbacks.add((call(fallback, "isDeprecated").equals(true) ? "-" : "") + call(fallback, "getKey"));
        }
        String values = type.isEnum()
                ? Arrays.stream(type.getEnumConstants()).map(Object::toString).collect(Collectors.joining(","))
                : "";
        String written = type.isEnum() ? "Enum" : type.getSimpleName();
        return String.join("\t",
                "option",
                name,
                field.getName(),
                (String) call(option, "key"),
                list ? "List<" + written + ">" : written,
                text(get(option, "defaultValue")),
                String.join(",", fallbacks),
                values,
                notes(field));
    }

    /** Tries the texts of standard input. */
    static void values(ClassLoader loader, Map<String, Object> byKey, PrintStream out) throws Exception {
        Class<?> configuration = loader.loadClass("org.apache.flink.configuration.Configuration");
        Method load = loader.loadClass("org.apache.flink.configuration.GlobalConfiguration")
                .getMethod("loadConfiguration", String.class);
        Method read = configuration.getMethod("getOptional", loader.loadClass(OPTION));
        Path folder = Files.createTempDirectory("conf");
        boolean nested = isNested(loader);
        Path file = folder.resolve(nested ? "config.yaml" : "flink-conf.yaml");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] parts = line.split("\t", -1);
            Object option = byKey.get(parts[0]);
            if (option == null) {
                continue;
            }
            String text = unescape(parts[1]);
            Files.writeString(file, parts[0] + ": " + (nested ? '"' + parts[1] + '"' : text) + "\n");
            String verdict;
            try {
                Object found = read.invoke(load.invoke(null, folder.toString()), option);
                verdict = ((Optional<?>) found).isPresent() ? "yes" : "unset";
            } catch (InvocationTargetException e) {
                verdict = "no";
            }
            out.println(String.join("\t", "value", parts[0], parts[1], verdict));
        }
        Files.delete(file);
        Files.delete(folder);
    }

    /** Whether this is Flink 2, which reads config.yaml alone. */
    static boolean isNested(ClassLoader loader) throws Exception {
        Class<?> information = loader.loadClass("org.apache.flink.runtime.util.EnvironmentInformation");
        return !((String) information.getMethod("getVersion").invoke(null)).startsWith("1.");
    }

    /** A text in which every character that is not plain stands as four hexadecimal digits behind a backslash and a u. */
    static String unescape(String text) {
        StringBuilder plain = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            if (text.charAt(i) == '\\') {
                plain.append((char) Integer.parseInt(text.substring(i + 2, i + 6), 16));
                i += 5;
            } else {
                plain.append(text.charAt(i));
            }
        }
        return plain.toString();
    }

    static Object get(Object object, String field) throws ReflectiveOperationException {
        Field found = object.getClass().getDeclaredField(field);
        found.setAccessible(true);
        return found.get(object);
    }

    static Object call(Object object, String method) throws ReflectiveOperationException {
        Method found = object.getClass().getDeclaredMethod(method);
        found.setAccessible(true);
        return found.invoke(object);
    }

    /** A default in the grammar of its type; "\0" where there is none. */
    static String text(Object value) {
        if (value == null) {
            return "\\0";
        }
        String text;
        if (value instanceof Collection) {
            text = ((Collection<?>) value).stream().map(Options::text).collect(Collectors.joining(";"));
        } else if (value instanceof Map) {
            text = new TreeMap<Object, Object>((Map<?, ?>) value).entrySet().stream()
                    .map(e -> e.getKey() + ":" + e.getValue()).collect(Collectors.joining(","));
        } else if (value instanceof Duration) {
            text = duration((Duration) value);
        } else {
            text = value.toString();
        }
        return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n");
    }

    static String duration(Duration value) {
        long nanos = value.toNanos();
        String[] units = {"d", "h", "min", "s", "ms"};
        long[] lengths = {86_400_000_000_000L, 3_600_000_000_000L, 60_000_000_000L, 1_000_000_000L, 1_000_000L};
        for (int i = 0; i < units.length; i++) {
            if (nanos % lengths[i] == 0 && (nanos != 0 || i == units.length - 1)) {
                return nanos / lengths[i] + " " + units[i];
            }
        }
        return nanos + " ns";
    }

    /** What the field's annotations say: deprecated, and the prefix of a key that is only an ending. */
    static String notes(Field field) throws ReflectiveOperationException {
        List<String> notes = new ArrayList<>();
        for (Annotation annotation : field.getAnnotations()) {
            String name = annotation.annotationType().getSimpleName();
            if (name.equals("SuffixOption")) {
                name += "=" + annotation.annotationType().getMethod("value").invoke(annotation);
            }
            notes.add(name);
        }
        return String.join(",", notes);
    }
}

package peer;

import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.regex.*;
import org.apache.fory.*;
import org.apache.fory.annotation.*;
import org.apache.fory.context.*;
import org.apache.fory.resolver.TypeResolver;
import org.apache.fory.serializer.*;
import org.apache.fory.type.union.Union;

/**
 * Echo server for the tests: one JSON object per line in, one per line out.
 *
 * <pre>{"kind": "Int32", "compatible": true, "ref": false, "by_name": true, "hex": "..."}</pre>
 *
 * is answered by {"hex": ...} with the bytes that Java writes for the value it read, or by
 * {"error": ...}; {"kinds": true} lists the classes.
 */
public class Peer {
  public enum Shade { Pale, Mild, Dark }

  public static class Part {
    public int id;
    public String name;
  }

  public static class Point {
    public final int x, y;

    public Point(int x, int y) {
      this.x = x;
      this.y = y;
    }
  }

  public static class PointSerializer extends Serializer<Point> {
    public PointSerializer(TypeResolver resolver) {
      super(resolver.getConfig(), Point.class);
    }

    @Override
    public void write(WriteContext context, Point value) {
      context.getBuffer().writeVarInt32(value.x);
      context.getBuffer().writeVarInt32(value.y);
    }

    @Override
    public Point read(ReadContext context) {
      return new Point(context.getBuffer().readVarInt32(), context.getBuffer().readVarInt32());
    }
  }

  /** The runtime finds the cases in the enum, and their types in the setters. */
  public static class Choice extends Union {
    public enum ChoiceCase {
      TEXT(1), NUMBER(2), NUMBERS(5);

      public final int id;

      ChoiceCase(int id) {
        this.id = id;
      }
    }

    public Choice(int id, Object value) {
      super(id, value);
    }

    public void setText(String value) {}

    public void setNumber(int value) {}

    public void setNumbers(List<Integer> value) {}
  }

  static final Map<String, Class<?>> CLASSES = new TreeMap<>();
  static final Map<String, Fory> INSTANCES = new HashMap<>();

  static void register(Fory fory, Class<?> cls, boolean byName, String name, int id) {
    if (byName) fory.register(cls, "peer." + name);
    else fory.register(cls, id);
  }

  static Fory make(String kind, String line) {
    boolean byName = flag(line, "by_name");
    Fory fory = Fory.builder().withXlang(true).withCompatible(flag(line, "compatible")).withRefTracking(flag(line, "ref"))
        .withMaxSchemaVersionsPerType(100000).withCodegen(!flag(line, "interpreted")).suppressClassRegistrationWarnings(true).build();
    if (CLASSES.containsKey(kind)) register(fory, CLASSES.get(kind), byName, "Value", 300);
    if (!flag(line, "bare")) {
      register(fory, Shade.class, byName, "Shade", 301);
      register(fory, Part.class, byName, "Part", 302);
      register(fory, Point.class, byName, "Point", 303);
      fory.registerSerializer(Point.class, new PointSerializer(fory.getTypeResolver()));
      UnionSerializer union = new UnionSerializer(fory.getTypeResolver(), Choice.class);
      if (byName) fory.registerUnion(Choice.class, "peer.Choice", union);
      else fory.registerUnion(Choice.class, 304, union);
    }
    return fory;
  }

  static String serve(String line) {
    if (line.contains("\"kinds\"")) {
      StringBuilder names = new StringBuilder();
      for (String name : CLASSES.keySet()) names.append(names.length() == 0 ? "" : ", ").append(quote(name));
      return "{\"schemas\": [" + names + "]}";
    }
    String kind = text(line, "kind");
    String key = line.replaceFirst("\"hex\": *\"[^\"]*\"", "");
    try {
      Fory fory = INSTANCES.get(key);
      if (fory == null) INSTANCES.put(key, fory = make(kind, line));
      Object value = fory.deserialize(unhex(text(line, "hex")));
      return "{\"hex\": " + quote(hex(fory.serialize(value))) + ", \"value\": " + quote(String.valueOf(value)) + "}";
    } catch (Throwable error) {
      INSTANCES.remove(key); // it may be in any state
      Throwable cause = error;
      while (cause.getCause() != null && cause.getCause() != cause) cause = cause.getCause();
      String message = cause.getClass().getSimpleName() + ": " + cause.getMessage();
      return "{\"error\": " + quote(message.length() > 600 ? message.substring(0, 600) : message) + "}";
    }
  }

  static boolean flag(String line, String name) {
    return Pattern.compile("\"" + name + "\": *true").matcher(line).find();
  }

  static String text(String line, String name) {
    Matcher found = Pattern.compile("\"" + name + "\": *\"([^\"]*)\"").matcher(line);
    return found.find() ? found.group(1) : "";
  }

  static String hex(byte[] data) {
    StringBuilder out = new StringBuilder();
    for (byte b : data) out.append(Character.forDigit((b >> 4) & 15, 16)).append(Character.forDigit(b & 15, 16));
    return out.toString();
  }

  static byte[] unhex(String digits) {
    byte[] out = new byte[digits.length() / 2];
    for (int i = 0; i < out.length; i++) out[i] = (byte) Integer.parseInt(digits.substring(2 * i, 2 * i + 2), 16);
    return out;
  }

  static String quote(String value) {
    StringBuilder out = new StringBuilder("\"");
    for (char c : value.toCharArray()) {
      if (c == '"' || c == '\\') out.append('\\').append(c);
      else if (c < 32 || c > 126) out.append(String.format("\\u%04x", (int) c));
      else out.append(c);
    }
    return out.append('"').toString();
  }

  public static void main(String[] args) throws IOException {
    for (Class<?> cls : Schemas.ALL) CLASSES.put(cls.getSimpleName(), cls);
    PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, "UTF-8");
    System.setOut(System.err);
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line; (line = in.readLine()) != null; ) out.println(serve(line));
    System.exit(0);
  }
}

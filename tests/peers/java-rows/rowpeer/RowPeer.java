package rowpeer;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.fory.format.encoder.Encoders;
import org.apache.fory.format.encoder.RowEncoder;
import org.apache.fory.format.row.ArrayData;
import org.apache.fory.format.row.Getters;
import org.apache.fory.format.row.MapData;
import org.apache.fory.format.row.binary.BinaryRow;
import org.apache.fory.format.type.DataType;
import org.apache.fory.format.type.DataTypes;
import org.apache.fory.format.type.Field;
import org.apache.fory.format.type.Schema;
import org.apache.fory.memory.MemoryBuffer;
import org.apache.fory.memory.MemoryUtils;

/**
 * The Java row format as a process: one request line, one answer line.
 *
 * <pre>
 * bean NAME             -> schema hash, schema bytes and row bytes of a built-in bean
 * read SCHEMA ROW       -> schema hash, schema bytes written again, values as text
 * </pre>
 */
public final class RowPeer {
  private RowPeer() {}

  public static class Numbers {
    public boolean a;
    public byte b;
    public short c;
    public int d;
    public long e;
    public float f;
    public double g;
  }

  public static class Boxes {
    public Integer a;
    public Long b;
    public Double c;
    public String d;
    public String e;
  }

  public static class Inner {
    public long v;
    public String w;
  }

  public static class Nested {
    public List<Inner> a;
    public Inner b;
    public Map<String, Inner> c;
    public List<List<Integer>> d;
  }

  public static class Containers {
    public List<String> a;
    public List<Integer> b;
    public Map<String, Long> c;
    public List<Long> d;
  }

  public static class Times {
    public LocalDate a;
    public Instant b;
  }

  public static class Money {
    public BigDecimal a;
    public BigDecimal b;
  }

  private static Object bean(String name) {
    switch (name) {
      case "Numbers":
        Numbers n = new Numbers();
        n.a = true;
        n.b = -1;
        n.c = -2;
        n.d = -3;
        n.e = -4;
        n.f = 1.5f;
        n.g = 2.5;
        return n;
      case "Boxes":
        Boxes x = new Boxes();
        x.a = 7;
        x.d = "h\u00e9llo, w\u00f6rld \u65e5\u672c";
        x.e = "";
        return x;
      case "Containers":
        Containers c = new Containers();
        c.a = Arrays.asList("a", "bcdefghij", null);
        c.b = Arrays.asList(1, null, 3);
        c.c = new LinkedHashMap<>();
        c.c.put("x", 1L);
        c.c.put("y", null);
        c.d = new ArrayList<>();
        return c;
      case "Nested":
        Nested d = new Nested();
        d.a = Arrays.asList(inner(7, "seven"), inner(8, null));
        d.b = inner(9, "nine");
        d.c = new LinkedHashMap<>();
        d.c.put("k", inner(10, "ten"));
        d.d = Arrays.asList(Arrays.asList(1, 2), Arrays.asList(3));
        return d;
      case "Times":
        Times t = new Times();
        t.a = LocalDate.of(1969, 12, 31);
        t.b = Instant.ofEpochSecond(1, 5000);
        return t;
      case "Money":
        Money m = new Money();
        m.a = new BigDecimal("-1234567890.000000000000000001");
        return m;
      default:
        throw new IllegalArgumentException(name);
    }
  }

  private static Inner inner(long v, String w) {
    Inner inner = new Inner();
    inner.v = v;
    inner.w = w;
    return inner;
  }

  private static String emit(Object bean) {
    @SuppressWarnings("unchecked")
    RowEncoder<Object> encoder = (RowEncoder<Object>) Encoders.bean(bean.getClass());
    Schema schema = encoder.schema();
    BinaryRow row = encoder.toRow(bean);
    return DataTypes.computeSchemaHash(schema)
        + " "
        + hex(DataTypes.serializeSchema(schema))
        + " "
        + hex(row.toBytes());
  }

  private static String read(byte[] schemaBytes, byte[] rowBytes) {
    Schema schema = DataTypes.deserializeSchema(schemaBytes);
    BinaryRow row = new BinaryRow(schema);
    MemoryBuffer buffer = MemoryUtils.wrap(rowBytes);
    row.pointTo(buffer, 0, rowBytes.length);
    StringBuilder out = new StringBuilder();
    struct(out, row, schema.fields());
    return DataTypes.computeSchemaHash(schema)
        + " "
        + hex(DataTypes.serializeSchema(schema))
        + " "
        + out;
  }

  /** Values as text that Python's repr of the same plain values equals. */
  private static void value(StringBuilder out, Getters from, int i, Field field) {
    if (from.isNullAt(i)) {
      out.append("None");
      return;
    }
    DataType type = field.type();
    switch (type.typeId()) {
      case DataTypes.TYPE_BOOL:
        out.append(from.getBoolean(i) ? "True" : "False");
        break;
      case DataTypes.TYPE_INT8:
        out.append(from.getByte(i));
        break;
      case DataTypes.TYPE_INT16:
        out.append(from.getInt16(i));
        break;
      case DataTypes.TYPE_INT32:
        out.append(from.getInt32(i));
        break;
      case DataTypes.TYPE_INT64:
        out.append(from.getInt64(i));
        break;
      case DataTypes.TYPE_FLOAT32:
        out.append("f").append(Integer.toHexString(Float.floatToRawIntBits(from.getFloat32(i))));
        break;
      case DataTypes.TYPE_FLOAT64:
        out.append("d").append(Long.toHexString(Double.doubleToRawLongBits(from.getFloat64(i))));
        break;
      case DataTypes.TYPE_STRING:
        out.append("s").append(hex(from.getString(i).getBytes(StandardCharsets.UTF_8)));
        break;
      case DataTypes.TYPE_BINARY:
        out.append("b").append(hex(from.getBinary(i)));
        break;
      case DataTypes.TYPE_LOCAL_DATE:
        out.append(from.getDate(i));
        break;
      case DataTypes.TYPE_TIMESTAMP:
        out.append(from.getTimestamp(i));
        break;
      case DataTypes.TYPE_DECIMAL:
        BigDecimal decimal = from.getDecimal(i);
        out.append(decimal.unscaledValue()).append("e").append(decimal.scale());
        break;
      case DataTypes.TYPE_LIST:
        list(out, from.getArray(i), DataTypes.arrayElementField(field));
        break;
      case DataTypes.TYPE_MAP:
        MapData map = from.getMap(i);
        list(out, map.keyArray(), DataTypes.keyFieldForMap(field));
        out.append(":");
        list(out, map.valueArray(), DataTypes.itemFieldForMap(field));
        break;
      case DataTypes.TYPE_STRUCT:
        struct(out, from.getStruct(i), type.fields());
        break;
      default:
        throw new IllegalArgumentException("type " + type);
    }
  }

  private static void list(StringBuilder out, ArrayData array, Field element) {
    out.append("[");
    for (int i = 0; i < array.numElements(); i++) {
      out.append(i == 0 ? "" : ",");
      value(out, array, i, element);
    }
    out.append("]");
  }

  private static void struct(StringBuilder out, Getters row, List<Field> fields) {
    out.append("(");
    for (int i = 0; i < fields.size(); i++) {
      out.append(i == 0 ? "" : ",");
      value(out, row, i, fields.get(i));
    }
    out.append(")");
  }

  private static String hex(byte[] bytes) {
    StringBuilder out = new StringBuilder();
    for (byte b : bytes) {
      out.append(String.format("%02x", b));
    }
    return out.toString();
  }

  private static byte[] unhex(String text) {
    byte[] bytes = new byte[text.length() / 2];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) Integer.parseInt(text.substring(2 * i, 2 * i + 2), 16);
    }
    return bytes;
  }

  public static void main(String[] args) throws Exception {
    PrintStream out = System.out;
    System.setOut(System.err); // the library logs to standard output
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String[] words = line.split(" ");
      String answer;
      try {
        answer = "ok " + (words[0].equals("bean") ? emit(bean(words[1])) : read(unhex(words[1]), unhex(words[2])));
      } catch (Throwable error) {
        answer = "error " + error.toString().replace('\n', ' ');
        error.printStackTrace();
      }
      out.println(answer);
      out.flush();
    }
  }
}

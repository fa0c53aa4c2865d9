//! Echo server for tests/peers/test_peer_rust.py.
//!
//! One JSON object per line on standard input:
//!   {"kind": "Int32", "compatible": true, "ref": false, "by_name": true, "hex": "..."}
//! One per line on standard output: `{"hex": ..., "value": ...}` with the bytes
//! that Rust writes for the value it read, or `{"error": ...}`.
//!
//! `{"kinds": true}` lists what can be asked for.
use fory::{
    BFloat16, Date, Decimal, Duration, Error, Float16, Fory, ForyEnum, ForyStruct, ForyUnion, ReadContext, Serializer, Timestamp,
    UnknownCase, WriteContext,
};
use serde_json::{json, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::{BufRead, Write};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::rc::Rc;

struct Request {
    compatible: bool,
    track: bool,
    by_name: bool,
    /// only the asked kind is registered
    bare: bool,
    data: Vec<u8>,
}

type Answer = Result<(Vec<u8>, String), String>;

fn text<E: std::fmt::Display>(error: E) -> String {
    error.to_string()
}

fn fory(request: &Request) -> Fory {
    Fory::builder()
        .xlang(true)
        .compatible(request.compatible)
        .track_ref(request.track)
        .build()
}

/// Reads the payload as a T and writes what was read.
fn echo<T>(fory: Fory, data: &[u8]) -> Answer
where
    T: Serializer<Target = T> + std::fmt::Debug + 'static,
{
    let value: T = fory.deserialize(data).map_err(text)?;
    let bytes = fory.serialize(&value).map_err(text)?;
    Ok((bytes, format!("{:?}", value)))
}

#[derive(ForyEnum, Debug, PartialEq, Clone, Copy, Eq, Hash, PartialOrd, Ord, Default)]
enum Shade {
    #[default]
    Pale,
    Mild,
    Dark,
}

#[derive(ForyStruct, Debug, PartialEq, Default, Clone)]
struct Part {
    id: i32,
    name: String,
}

/// A class with its own serializer.
#[derive(Debug, PartialEq, Default, Clone)]
struct Point {
    x: i32,
    y: i32,
}

impl Serializer for Point {
    type Target = Self;

    fn write_data(value: &Self, context: &mut WriteContext) -> Result<(), Error> {
        context.writer.write_var_i32(value.x);
        context.writer.write_var_i32(value.y);
        Ok(())
    }

    fn read_data(context: &mut ReadContext) -> Result<Self, Error> {
        Ok(Point { x: context.reader.read_var_i32()?, y: context.reader.read_var_i32()? })
    }
}

#[derive(ForyUnion, Debug, PartialEq)]
enum Choice {
    #[fory(id = 1, default)]
    Text(String),
    #[fory(id = 2)]
    Number(i32),
    #[fory(id = 5)]
    Numbers(Vec<i32>),
    #[fory(unknown)]
    Unknown(UnknownCase),
}

impl Default for Choice {
    fn default() -> Self {
        Choice::Text(String::new())
    }
}

#[derive(ForyStruct, Debug, PartialEq, Default)]
struct Empty {}

/// Identity is kept: the two fields and the list share one allocation.
#[derive(ForyStruct, Debug, PartialEq, Default)]
struct Shared {
    left: Option<Rc<Part>>,
    right: Option<Rc<Part>>,
    xs: Vec<Rc<Part>>,
    by_key: BTreeMap<String, Rc<Part>>,
}

#[derive(ForyStruct, Debug, PartialEq, Default)]
struct Tagged {
    #[fory(id = 2)]
    a: i32,
    #[fory(id = 0)]
    b: String,
    #[fory(id = 1)]
    c: Option<String>,
    #[fory(id = 100)]
    big: i64,
    #[fory(id = 15)]
    fifteen: Vec<i32>,
}

/// Fields of many kinds at once, for the order of fields.
#[derive(ForyStruct, Debug, PartialEq, Default)]
struct Wide {
    flag: bool,
    tiny: i8,
    small: i16,
    medium: i32,
    large: i64,
    #[fory(encoding = fixed)]
    fixed_medium: i32,
    #[fory(encoding = tagged)]
    tagged_large: i64,
    unsigned: u64,
    real: f64,
    single: f32,
    name: String,
    maybe: Option<i32>,
    maybe_name: Option<String>,
    day: Date,
    list_of_names: Vec<String>,
    table: BTreeMap<String, i64>,
    part: Part,
    parts: Vec<Part>,
    shade: Shade,
    a_rather_long_field_name_that_needs_an_escape: i32,
}

/// What a newer or older peer knows of Wide.
#[derive(ForyStruct, Debug, PartialEq, Default)]
struct Narrow {
    name: String,
    medium: i32,
    added: Option<String>,
    parts: Vec<Part>,
}

/// Calls `$then` with every kind of field: a name, its type, its attributes.
macro_rules! kinds {
    ($then:ident) => {
        $then! {
            Bool: [bool];
            Int8: [i8];
            Int16: [i16];
            Int32: [i32];
            Int64: [i64];
            FixedInt32: [i32] #[fory(encoding = fixed)];
            FixedInt64: [i64] #[fory(encoding = fixed)];
            TaggedInt64: [i64] #[fory(encoding = tagged)];
            UInt8: [u8];
            UInt16: [u16];
            UInt32: [u32];
            UInt64: [u64];
            FixedUInt32: [u32] #[fory(encoding = fixed)];
            FixedUInt64: [u64] #[fory(encoding = fixed)];
            TaggedUInt64: [u64] #[fory(encoding = tagged)];
            Half: [Float16];
            Brain: [BFloat16];
            Single: [f32];
            Real: [f64];
            Text: [String];
            Binary: [Vec<u8>] #[fory(bytes)];
            Day: [Date];
            Instant: [Timestamp];
            Span: [Duration];
            Dec: [Decimal];
            Colour: [Shade];
            Inner: [Part];
            OptInt8: [Option<i8>];
            OptInt32: [Option<i32>];
            OptInt64: [Option<i64>];
            OptUInt64: [Option<u64>];
            OptBool: [Option<bool>];
            OptSingle: [Option<f32>];
            OptReal: [Option<f64>];
            OptText: [Option<String>];
            OptDay: [Option<Date>];
            OptInstant: [Option<Timestamp>];
            OptSpan: [Option<Duration>];
            OptDec: [Option<Decimal>];
            OptInner: [Option<Part>];
            OptColour: [Option<Shade>];
            OptList: [Option<Vec<i32>>];
            OptMap: [Option<BTreeMap<String, String>>];
            ListBool: [Vec<bool>];
            ListInt16: [Vec<i16>];
            ListInt32: [Vec<i32>];
            ListInt64: [Vec<i64>];
            ListFixedInt32: [Vec<i32>] #[fory(list(element(encoding = fixed)))];
            ListTaggedInt64: [Vec<i64>] #[fory(list(element(encoding = tagged)))];
            ListHalf: [Vec<Float16>];
            ListBrain: [Vec<BFloat16>];
            ListSingle: [Vec<f32>];
            ListReal: [Vec<f64>];
            ListText: [Vec<String>];
            ListOptInt: [Vec<Option<i32>>];
            ListOptText: [Vec<Option<String>>];
            ListBinary: [Vec<Vec<u8>>] #[fory(list(element(bytes)))];
            ListDay: [Vec<Date>];
            ListDec: [Vec<Decimal>];
            ListList: [Vec<Vec<i64>>];
            ListColour: [Vec<Shade>];
            ListInner: [Vec<Part>];
            ListOptInner: [Vec<Option<Part>>];
            SetInt: [BTreeSet<i32>];
            SetText: [HashSet<String>];
            MapTextInt: [BTreeMap<String, i32>];
            MapTextReal: [HashMap<String, f64>];
            MapIntText: [BTreeMap<i64, String>];
            MapInt8Int32: [BTreeMap<i8, i32>];
            MapFixedTagged: [BTreeMap<i32, Vec<i64>>] #[fory(map(key(encoding = fixed), value(list(element(encoding = tagged)))))];
            MapOptInt: [BTreeMap<String, Option<i32>>];
            MapMap: [BTreeMap<String, BTreeMap<String, String>>];
            MapList: [BTreeMap<String, Vec<i32>>];
            MapInner: [BTreeMap<String, Part>];
            ArrayBool: [Vec<bool>] #[fory(array)];
            ArrayInt8: [Vec<i8>] #[fory(array)];
            ArrayInt16: [Vec<i16>] #[fory(array)];
            ArrayInt32: [Vec<i32>] #[fory(array)];
            ArrayInt64: [Vec<i64>] #[fory(array)];
            ArrayUInt8: [Vec<u8>] #[fory(array)];
            ArrayUInt16: [Vec<u16>] #[fory(array)];
            ArrayUInt32: [Vec<u32>] #[fory(array)];
            ArrayUInt64: [Vec<u64>] #[fory(array)];
            ArrayHalf: [Vec<Float16>] #[fory(array)];
            ArrayBrain: [Vec<BFloat16>] #[fory(array)];
            ArraySingle: [Vec<f32>] #[fory(array)];
            ArrayReal: [Vec<f64>] #[fory(array)];
            ListInt8: [Vec<i8>];
            ListFixedInt64: [Vec<i64>] #[fory(list(element(encoding = fixed)))];
            ListUInt8: [Vec<u8>];
            ListUInt16: [Vec<u16>];
            ListUInt32: [Vec<u32>];
            ListUInt64: [Vec<u64>];
            ListListInt32: [Vec<Vec<i32>>];
            OptBinary: [Option<Vec<u8>>] #[fory(bytes)];
            MapTextFixed: [BTreeMap<String, i32>] #[fory(map(value(encoding = fixed)))];
            MapColour: [BTreeMap<Shade, i64>];
            Ext: [Point];
            ListExt: [Vec<Point>];
            Either: [Choice];
            ListEither: [Vec<Choice>];
            MapEither: [BTreeMap<String, Choice>];
        }
    };
}

macro_rules! echoes {
    ($($name:ident)*) => {
        pub fn names() -> Vec<&'static str> {
            vec![$(stringify!($name)),*]
        }
        pub fn echo_kind(kind: &str, request: &Request) -> Option<Answer> {
            match kind {
                $(stringify!($name) => Some(echo_struct::<$name>(request)),)*
                _ => None,
            }
        }
    };
}

/// Every kind as the only field.
mod plain {
    use super::*;
    macro_rules! structs {
        ($($name:ident: [$($field:tt)*] $(#[$meta:meta])?;)*) => {
            $(
                #[derive(ForyStruct, Debug, PartialEq, Default)]
                pub struct $name {
                    $(#[$meta])?
                    v: $($field)*,
                }
            )*
            echoes! { $($name)* }
        };
    }
    kinds!(structs);
}

/// Every kind between two others, which a reader knows.
mod skip {
    use super::*;
    macro_rules! structs {
        ($($name:ident: [$($field:tt)*] $(#[$meta:meta])?;)*) => {
            $(
                #[derive(ForyStruct, Debug, PartialEq, Default)]
                pub struct $name {
                    a: i32,
                    $(#[$meta])?
                    v: $($field)*,
                    z: String,
                }
            )*
            echoes! { $($name)* }
        };
    }
    kinds!(structs);
}

/// Every kind as a field that the writer does not have.
mod plus {
    use super::*;
    macro_rules! structs {
        ($($name:ident: [$($field:tt)*] $(#[$meta:meta])?;)*) => {
            $(
                #[derive(ForyStruct, Debug, PartialEq, Default)]
                pub struct $name {
                    a: i32,
                    s: String,
                    $(#[$meta])?
                    n: $($field)*,
                }
            )*
            echoes! { $($name)* }
        };
    }
    kinds!(structs);
}

/// Schemas of several fields (tests/grid.py has them under the same names).
macro_rules! schemas {
    ($($(#[$meta:meta])? $name:ident { $($body:tt)* })*) => {
        mod schema {
            use super::*;
            $(
                #[derive(ForyStruct, Debug, PartialEq, Default)]
                $(#[$meta])?
                pub struct $name { $($body)* }
            )*
            echoes! { $($name)* }
        }
    };
}

schemas! {
    Base { a: i32, s: String }
    #[fory(evolving = false)]
    Fixed { a: i32, s: String }
    Nothing {}
    Ends { a: i32, z: String }
    OptN { a: i32, n: Option<i64> }
    OptListN { a: i32, n: Option<Vec<i64>> }
    Forward { a: i32, s: String, b: i64, f: f64, l: Vec<String>, t: bool, o: Option<i32> }
    Backward { o: Option<i32>, t: bool, l: Vec<String>, f: f64, b: i64, s: String, a: i32 }
    Tags {
        #[fory(id = 0)] a: i32, #[fory(id = 1)] b: String, #[fory(id = 15)] c: Option<String>, #[fory(id = 100)] d: Vec<i32>
    }
    TagsRenamed {
        #[fory(id = 100)] hundred: Vec<i32>, #[fory(id = 15)] fifteen: Option<String>, #[fory(id = 1)] one: String, #[fory(id = 0)] zero: i32
    }
    TagsOther { #[fory(id = 7)] a: i32, #[fory(id = 1)] b: String }
    TagsNamed { a: i32, b: String }
    TagsSwapped { #[fory(id = 0)] b: i32, #[fory(id = 1)] a: String }
    TagsWide { #[fory(id = 0)] a: i64, #[fory(id = 1)] b: String }
    TwiceParts { a: Rc<Part>, b: Vec<Rc<Part>>, z: i32 }
    TwicePartsSecond { b: Vec<Rc<Part>>, z: i32 }
    Snake { first_name: String, last_http_code: i32, x: i32 }
}

/// A Fory that knows the common classes and T under the name "peer.Value".
fn with_types<T>(request: &Request) -> Result<Fory, String>
where
    T: fory::StructSerializer + Serializer<Target = T> + 'static,
{
    let mut fory = common(request)?;
    if request.by_name {
        fory.register_by_name::<T>("peer.Value").map_err(text)?;
    } else {
        fory.register::<T>(300).map_err(text)?;
    }
    Ok(fory)
}

fn common(request: &Request) -> Result<Fory, String> {
    let mut fory = fory(request);
    if request.bare {
        return Ok(fory);
    }
    if request.by_name {
        fory.register_by_name::<Shade>("peer.Shade").map_err(text)?;
        fory.register_by_name::<Part>("peer.Part").map_err(text)?;
        fory.register_serializer_by_name::<Point>("peer.Point").map_err(text)?;
        fory.register_union_by_name::<Choice>("peer.Choice").map_err(text)?;
    } else {
        fory.register::<Shade>(301).map_err(text)?;
        fory.register::<Part>(302).map_err(text)?;
        fory.register_serializer::<Point>(303).map_err(text)?;
        fory.register_union::<Choice>(304).map_err(text)?;
    }
    Ok(fory)
}

fn echo_struct<T>(request: &Request) -> Answer
where
    T: fory::StructSerializer + Serializer<Target = T> + std::fmt::Debug + 'static,
{
    echo::<T>(with_types::<T>(request)?, &request.data)
}

macro_rules! roots {
    ($($name:literal: $root:ty;)*) => {
        fn root_names() -> Vec<&'static str> {
            vec![$($name),*]
        }
        fn echo_root(kind: &str, request: &Request) -> Option<Answer> {
            match kind {
                $($name => Some(common(request).and_then(|fory| echo::<$root>(fory, &request.data))),)*
                _ => None,
            }
        }
    };
}

roots! {
    "root bool": bool;
    "root int": i64;
    "root float": f64;
    "root text": String;
    "root bytes": Vec<u8>;
    "root date": Date;
    "root datetime": Timestamp;
    "root timedelta": Duration;
    "root decimal": Decimal;
    "root shade": Shade;
    "root part": Part;
    "root list of text": Vec<String>;
    "root list of optional text": Vec<Option<String>>;
    "root list of dates": Vec<Date>;
    "root list of decimals": Vec<Decimal>;
    "root list of bytes": Vec<Vec<u8>>;
    "root list of parts": Vec<Part>;
    "root list of optional parts": Vec<Option<Part>>;
    "root list of lists": Vec<Vec<String>>;
    "root set of text": BTreeSet<String>;
    "root dict text int": BTreeMap<String, i64>;
    "root dict int text": BTreeMap<i64, String>;
    "root dict optional": BTreeMap<String, Option<i64>>;
    "root dict of parts": BTreeMap<String, Part>;
    "root dict of dicts": BTreeMap<String, BTreeMap<String, i64>>;
    "root int array": Vec<i32>;
    "root float array": Vec<f64>;
    "root bool array": Vec<bool>;
    "root unsigned array": Vec<u64>;
    "root half array": Vec<Float16>;
    "root int8 array": Vec<i8>;
    "root int64 array": Vec<i64>;
    "root single array": Vec<f32>;
    "root choice": Choice;
    "root point": Point;
}

fn answer(kind: &str, request: &Request) -> Answer {
    match kind {
        "Wide" => echo_struct::<Wide>(request),
        "Narrow" => echo_struct::<Narrow>(request),
        "Tagged" => echo_struct::<Tagged>(request),
        "Shared" => echo_struct::<Shared>(request),
        "Empty" => echo_struct::<Empty>(request),
        _ => plain::echo_kind(kind, request)
            .or_else(|| plus::echo_kind(kind.strip_prefix("Plus")?, request))
            .or_else(|| skip::echo_kind(kind.strip_prefix("Skip")?, request))
            .or_else(|| schema::echo_kind(kind, request))
            .or_else(|| echo_root(kind, request))
            .unwrap_or_else(|| Err(format!("unknown kind {}", kind))),
    }
}

fn unhex(digits: &str) -> Vec<u8> {
    digits
        .as_bytes()
        .chunks(2)
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

fn serve(line: &str) -> Value {
    let message: Value = match serde_json::from_str(line) {
        Ok(value) => value,
        Err(error) => return json!({"error": format!("bad request: {}", error)}),
    };
    if message.get("kinds").is_some() {
        let mut kinds = plain::names();
        kinds.extend(root_names());
        kinds.extend(["Wide", "Narrow", "Tagged", "Shared", "Empty"]);
        let mut schemas: Vec<String> = plain::names().iter().map(|name| name.to_string()).collect();
        schemas.extend(plus::names().iter().map(|name| format!("Plus{}", name)));
        schemas.extend(skip::names().iter().map(|name| format!("Skip{}", name)));
        schemas.extend(schema::names().iter().map(|name| name.to_string()));
        return json!({ "kinds": kinds, "schemas": schemas });
    }
    let flag = |name: &str| message[name].as_bool().unwrap_or(false);
    let request = Request {
        compatible: flag("compatible"),
        track: flag("ref"),
        by_name: flag("by_name"),
        bare: flag("bare"),
        data: unhex(message["hex"].as_str().unwrap_or("")),
    };
    let kind = message["kind"].as_str().unwrap_or("").to_string();
    match catch_unwind(AssertUnwindSafe(|| answer(&kind, &request))) {
        Ok(Ok((bytes, value))) => {
            let digits: String = bytes.iter().map(|byte| format!("{:02x}", byte)).collect();
            json!({"hex": digits, "value": value})
        }
        Ok(Err(error)) => json!({ "error": error }),
        Err(_) => json!({"error": "panic"}),
    }
}

fn main() {
    std::panic::set_hook(Box::new(|_| {}));
    let stdin = std::io::stdin();
    let mut stdout = std::io::stdout();
    for line in stdin.lock().lines() {
        let line = match line {
            Ok(line) => line,
            Err(_) => break,
        };
        if line.trim().is_empty() {
            continue;
        }
        if writeln!(stdout, "{}", serve(&line)).and_then(|_| stdout.flush()).is_err() {
            break;
        }
    }
}

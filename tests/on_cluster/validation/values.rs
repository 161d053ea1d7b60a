//! What a value is changed into, as YAML: values of every type, those at each bound that a schema names, and texts
//! that look nearly right.

use firedrill::api::{pattern, union};
use serde_json::Value;

/// Values of every type, as `kubectl` reads them.
const TYPES: [&str; 20] = [
    "null",
    "~",
    "true",
    "yes",
    "n",
    "0",
    "-1",
    "1.5",
    "1e3",
    "0x1F",
    "010",
    "1_000",
    r#""""#,
    r#""x""#,
    "x",
    "[]",
    "[null]",
    "[[]]",
    "{}",
    r#"{"a": 1}"#,
];

const TEXTS: [&str; 12] = [
    r#""x ""#,
    r#"" x""#,
    r#""x\n""#,
    r#""\t""#,
    r#""\u0000""#,
    r#""\u00a0x""#,
    r#""\U0001F600""#,
    r#""наёмник""#,
    r#""e\u0301""#,
    r#""X""#,
    "2026-01-01",
    r#""null""#,
];

const DURATIONS: [&str; 46] = [
    "0",
    "\"0\"",
    "0s",
    "0.1us",
    "1us",
    "999us",
    "0.000001ms",
    "0.999ms",
    "1ms",
    "99ms",
    "99.999999ms",
    "100ms",
    "0.1s",
    "999ms",
    "1s",
    "0.9s0.1s",
    "59s",
    "1m",
    "60s",
    "60.000001s",
    "61s",
    "30m30m",
    "1h",
    "0.5h30m",
    "3600s",
    "3600.000001s",
    "3601s",
    "24h",
    "86400s",
    "86401s",
    "277778h",
    "2562047h",
    "2562048h",
    "999999h999999h",
    "999999h999999h999999h99h",
    "1000000h",
    "1d",
    "1.s",
    ".5s",
    "1e3s",
    "-1s",
    "+1s",
    "1H",
    "\"1 s\"",
    "\"1s \"",
    "\"1µs\"",
];

const MOMENTS: [&str; 20] = [
    "\"2026-11-24T10:00:00Z\"",
    "\"2026-11-24T10:00:00.1Z\"",
    "\"2026-11-24T10:00:00.123456789Z\"",
    "\"2026-11-24T10:00:00.1234567891Z\"",
    "\"2026-11-24T10:00:00+01:00\"",
    "\"2026-11-24t10:00:00z\"",
    "\"2026-11-24 10:00:00Z\"",
    "\"2026-11-24T10:00:00\"",
    "\"2026-11-24\"",
    "\"2026-02-28T00:00:00Z\"",
    "\"2026-02-29T00:00:00Z\"",
    "\"2028-02-29T00:00:00Z\"",
    "\"2100-02-29T00:00:00Z\"",
    "\"2026-04-31T00:00:00Z\"",
    "\"2026-13-01T00:00:00Z\"",
    "\"2026-11-24T24:00:00Z\"",
    "\"2026-11-24T10:60:00Z\"",
    "\"2026-11-24T10:00:60Z\"",
    "\"0000-01-01T00:00:00Z\"",
    "\"9999-12-31T23:59:59Z\"",
];

const MATCHERS: [&str; 16] = [
    r#""a=\"b\"""#,
    r#""a!=\"b\"""#,
    r#"'{a=~"b|c"}'"#,
    r#"'{a!~"b.*"}'"#,
    r#"'{a="b",c="d"}'"#,
    r#"'{a="b",}'"#,
    r#"'{ a = "b" , c = "d" }'"#,
    r#"' {a="b"} '"#,
    r#""\u00a0{a=\"b\"}""#,
    r#"'{a="b"}x'"#,
    r#"'{1a="b"}'"#,
    "'{a=b}'",
    "'{}'",
    "'a'",
    r#"'{a=="b"}'"#,
    r#"'{"a"="b"}'"#,
];

const NAMES: [&str; 10] = [
    r#""a.b-c9""#,
    r#""-a""#,
    r#""a-""#,
    r#""a.""#,
    r#""a_b""#,
    r#""A""#,
    r#""a..b""#,
    r#""deployment/web""#,
    r#""a b""#,
    r#""é""#,
];

const OTHERS: [&str; 18] = [
    r#""/""#,
    r#""//""#,
    r#""/a b""#,
    r#""/é""#,
    r#""/a?b=c#d""#,
    r#""a/b:c@d""#,
    r#""a/b:""#,
    r#""_A.b-c""#,
    r#""1A""#,
    r#""A=b""#,
    "10.0.0.0/8",
    "10.0.0.0/99",
    "999.0.0.0/8",
    "10.0.0/8",
    "\"10.0.0.0/8 \"",
    "\"::/0\"",
    "10.0.0.0/8x",
    "1000.0.0.0/8",
];

const INTS_OR_STRINGS: [&str; 22] = [
    "0",
    "1000",
    "1001",
    "-1",
    "1.0",
    "1.5",
    "\"0%\"",
    "100%",
    "101%",
    "\"50\"",
    "\"5 %\"",
    "01%",
    "\"1000\"",
    "99999999999",
    "http",
    "HTTP",
    "a-1",
    "a--b",
    "65535",
    "65536",
    "abcdefghijklmno",
    "abcdefghijklmnop",
];

/// What may stand in metadata and beside it, of any kind.
pub const AROUND: &[(&str, &str)] = &[
    ("/extra", "1"),
    ("/Spec", "{}"),
    ("/status", "null"),
    ("/status", "\"x\""),
    ("/status", "5"),
    ("/status", "[]"),
    ("/status", "{}"),
    ("/status", r#"{"extra": 1}"#),
    ("/status", r#"{"observedGeneration": "x"}"#),
    ("/status", r#"{"conditions": [{"extra": 1}]}"#),
    ("/status", r#"{"conditions": "x"}"#),
    ("/status", r#"[{"a": 1}]"#),
    ("/status", r#"["x"]"#),
    ("/spec", "null"),
    ("/spec", "\"x\""),
    ("/spec", "[]"),
    ("/spec", "{}"),
    ("/metadata", "null"),
    ("/metadata", "\"x\""),
    ("/metadata", "5"),
    ("/metadata", "[]"),
    ("/metadata", "{}"),
    ("/metadata", r#"{"generateName": "x-"}"#),
    ("/metadata", r#"{"generateName": "-"}"#),
    ("/metadata", r#"{"generateName": "a.-"}"#),
    ("/metadata", r#"{"generateName": "x."}"#),
    ("/metadata", r#"{"generateName": "X-"}"#),
    ("/metadata", r#"{"generateName": "cluster"}"#),
    ("/metadata", r#"{"generateName": null}"#),
    ("/metadata", r#"{"generateName": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#),
    ("/metadata", r#"{"generateName": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#),
    ("/metadata/name", "null"),
    ("/metadata/name", "5"),
    ("/metadata/name", "yes"),
    ("/metadata/name", "[]"),
    ("/metadata/name", "{}"),
    ("/metadata/name", "\"\""),
    ("/metadata/name", "\"X\""),
    ("/metadata/name", "\"x_y\""),
    ("/metadata/name", "\"x.y\""),
    ("/metadata/name", "\".x\""),
    ("/metadata/name", "\"x-.y\""),
    ("/metadata/name", "\"é\""),
    ("/metadata/name", "\"a/b\""),
    ("/metadata/name", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""),
    ("/metadata/name", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""),
    ("/metadata/name", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""),
    ("/metadata/generateName", "\"x-\""),
    ("/metadata/generateName", "\"X-\""),
    ("/metadata/generateName", "5"),
    ("/metadata/namespace", "null"),
    ("/metadata/namespace", "\"\""),
    ("/metadata/namespace", "\"default\""),
    ("/metadata/namespace", "\"Default\""),
    ("/metadata/namespace", "5"),
    ("/metadata/namespace", "[]"),
    ("/metadata/extra", "1"),
    ("/metadata/Name", "\"x\""),
    ("/metadata/labels", "null"),
    ("/metadata/labels", "\"x\""),
    ("/metadata/labels", "5"),
    ("/metadata/labels", "[]"),
    ("/metadata/labels", "[\"a\"]"),
    ("/metadata/labels", "{}"),
    ("/metadata/labels", r#"{"a": "b"}"#),
    ("/metadata/labels", r#"{"a": ""}"#),
    ("/metadata/labels", r#"{"a": null}"#),
    ("/metadata/labels", r#"{"a": 5}"#),
    ("/metadata/labels", r#"{"a": yes}"#),
    ("/metadata/labels", r#"{"a": {}}"#),
    ("/metadata/labels", r#"{"a": "b c"}"#),
    ("/metadata/labels", r#"{"a": "-b"}"#),
    ("/metadata/labels", r#"{"a": "é"}"#),
    (
        "/metadata/labels",
        r#"{"a": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#,
    ),
    ("/metadata/labels", r#"{"": "b"}"#),
    ("/metadata/labels", r#"{"a b": "c"}"#),
    ("/metadata/labels", r#"{"A/b": "c"}"#),
    ("/metadata/labels", r#"{"a.b/c": "d"}"#),
    ("/metadata/labels", r#"{"a/b/c": "d"}"#),
    ("/metadata/labels", r#"{"/a": "b"}"#),
    ("/metadata/labels", r#"{"a/": "b"}"#),
    ("/metadata/labels", r#"{5: "b"}"#),
    ("/metadata/labels", r#"{yes: "b"}"#),
    ("/metadata/annotations", "null"),
    ("/metadata/annotations", "\"x\""),
    ("/metadata/annotations", "[]"),
    ("/metadata/annotations", r#"{"a": 5}"#),
    ("/metadata/annotations", r#"{"a": true}"#),
    ("/metadata/annotations", r#"{"a": null}"#),
    ("/metadata/annotations", r#"{"a": "any text, \u0000 and é"}"#),
    ("/metadata/annotations", r#"{"A/b": "c"}"#),
    ("/metadata/annotations", r#"{"a b": "c"}"#),
    ("/metadata/annotations", r#"{"": "b"}"#),
    ("/metadata/finalizers", "null"),
    ("/metadata/finalizers", "\"x\""),
    ("/metadata/finalizers", r#"["firedrill.dev/revert"]"#),
    ("/metadata/finalizers", r#"["a b"]"#),
    ("/metadata/finalizers", "[5]"),
    ("/metadata/finalizers", "[null]"),
    ("/metadata/finalizers", r#"["orphan", "foregroundDeletion"]"#),
    ("/metadata/ownerReferences", "\"x\""),
    ("/metadata/ownerReferences", "[{}]"),
    ("/metadata/ownerReferences", "[null]"),
    (
        "/metadata/ownerReferences",
        r#"[{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "u"}]"#,
    ),
    (
        "/metadata/ownerReferences",
        r#"[{"apiVersion": "v1", "kind": "Event", "name": "x", "uid": "u"}]"#,
    ),
    (
        "/metadata/ownerReferences",
        r#"[{"apiVersion": "a/b/c", "kind": "X", "name": "x", "uid": "u"}]"#,
    ),
    ("/metadata/ownerReferences", r#"[{"apiVersion": "v1", "kind": "X", "name": "", "uid": "u"}]"#),
    (
        "/metadata/ownerReferences",
        r#"[{"apiVersion": "v1", "kind": "X", "name": "x", "uid": "u", "extra": 1}]"#,
    ),
    (
        "/metadata/ownerReferences",
        r#"[{"apiVersion": "v1", "kind": "X", "name": "x", "uid": "u", "controller": true}, {"apiVersion": "v1", "kind": "X", "name": "y", "uid": "v", "controller": true}]"#,
    ),
    ("/metadata/creationTimestamp", "null"),
    ("/metadata/creationTimestamp", "\"2026-11-24T10:00:00Z\""),
    ("/metadata/generation", "5"),
    ("/metadata/generation", "\"x\""),
    ("/metadata/generation", "1.5"),
    ("/metadata/uid", "5"),
    ("/metadata/uid", "\"x\""),
    ("/metadata/managedFields", "\"x\""),
    ("/metadata/managedFields", "[]"),
    (
        "/metadata/managedFields",
        r#"[{"manager": "kubectl", "operation": "Update", "apiVersion": "firedrill.dev/v1alpha1", "time": "2026-11-24T10:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {}}}]"#,
    ),
    ("/metadata/managedFields", r#"[{"extra": 1}]"#),
];

/// What is too long to stand in a list: annotations and finalizers at their bounds and beyond.
pub fn large() -> Vec<(&'static str, String)> {
    let notes =
        |length: usize| ("/metadata/annotations", format!(r#"{{"a": "{}"}}"#, "x".repeat(length)));
    let finalizers = |count: usize| {
        let names: Vec<_> = (0..count).map(|number| format!("a.example/{number}")).collect();
        ("/metadata/finalizers", serde_json::json!(names).to_string())
    };
    vec![notes(262_143), notes(262_144), finalizers(16), finalizers(17)]
}

/// What the value of a schema is changed into.
pub fn of(schema: &Value, value: &Value) -> Vec<String> {
    let mut into: Vec<String> = TYPES.iter().map(|text| (*text).to_owned()).collect();
    let mut add = |texts: &[&str]| into.extend(texts.iter().map(|text| (*text).to_owned()));
    if schema["x-kubernetes-int-or-string"] == true {
        add(&INTS_OR_STRINGS);
        return into;
    }
    match (schema["type"].as_str(), schema["pattern"].as_str()) {
        (Some("string"), Some(pattern::DURATION)) => add(&DURATIONS),
        (Some("string"), Some(pattern::MOMENT)) => add(&MOMENTS),
        (Some("string"), Some(pattern::MATCHERS)) => add(&MATCHERS),
        (Some("string"), Some(pattern::NAME | pattern::ENTRY)) => add(&NAMES),
        (Some("string"), Some(_)) => add(&OTHERS),
        _ => {}
    }
    match schema["type"].as_str() {
        Some("string") => into.extend(texts(schema, value)),
        Some("integer" | "number") => into.extend(numbers(schema)),
        Some("array") => into.extend(lists(schema, value)),
        _ => {}
    }
    into
}

fn texts(schema: &Value, value: &Value) -> Vec<String> {
    let quoted = |text: &str| Value::from(text).to_string();
    let mut into: Vec<String> = TEXTS.iter().map(|text| (*text).to_owned()).collect();
    let own = value.as_str().unwrap_or_default();
    let (upper, lower) = (own.to_uppercase(), own.to_lowercase());
    into.extend([upper.as_str(), &lower, &format!("{own} "), &format!("{own}\n")].map(quoted));
    for known in schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        into.extend([quoted(known), quoted(&known.to_lowercase())]);
    }
    if let Some(longest) = schema["maxLength"].as_u64() {
        let longest = usize::try_from(longest).unwrap();
        for one in ["a", "é", "😀"] {
            into.extend([longest, longest + 1].map(|length| quoted(&one.repeat(length))));
        }
    }
    into.push(quoted(&"a".repeat(20_000)));
    into
}

fn numbers(schema: &Value) -> Vec<String> {
    let bounds = ["minimum", "maximum"].into_iter().filter_map(|bound| schema[bound].as_f64());
    let near =
        bounds.flat_map(|bound| [bound - 1.0, bound, bound + 1.0].map(|near| near.to_string()));
    let other = [
        "2147483647",
        "2147483648",
        "-2147483649",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551616",
        "1e16",
        "1e22",
        "-0",
        "1.0",
        "+1",
        "\"1\"",
        "50%",
        "two",
    ];
    near.chain(other.map(str::to_owned)).collect()
}

fn lists(schema: &Value, value: &Value) -> Vec<String> {
    let Some(first) = value.get(0) else { return Vec::new() };
    let mut into = vec![
        first.to_string(),
        format!("[{first}, {first}]"),
        format!("[{first}, null]"),
        format!("[{first}, 5]"),
        format!("{{\"0\": {first}}}"),
    ];
    if let Some(most) = schema["maxItems"].as_u64() {
        let most = usize::try_from(most).unwrap();
        // Each with a key of its own, where they are told apart by one.
        let entry = |number: usize| {
            let mut entry = first.clone();
            let keys = schema["x-kubernetes-list-map-keys"].as_array();
            for key in keys.into_iter().flatten().filter_map(Value::as_str) {
                entry[key] = format!("n{number}").into();
            }
            entry.to_string()
        };
        let of =
            |length: usize| format!("[{}]", (0..length).map(entry).collect::<Vec<_>>().join(", "));
        into.extend([of(most), of(most + 1)]);
    }
    into
}

/// Keys that are added to an object, with their values.
pub fn beside(schema: &Value, value: &Value) -> Vec<(String, String)> {
    let Some(fields) = value.as_object() else { return Vec::new() };
    let mut added: Vec<(String, String)> = ["extra", "metadata", "status", "ключ", ""]
        .map(|key| (key.to_owned(), "1".to_owned()))
        .into();
    added.push(("extra".to_owned(), "null".to_owned()));
    added.push(("extra".to_owned(), "{}".to_owned()));
    if let Some((name, value)) = fields.iter().next() {
        added.push((name.to_uppercase(), value.to_string()));
    }
    let known = schema["properties"].as_object().into_iter().flatten();
    for (name, _) in known.filter(|(name, _)| !fields.contains_key(*name)) {
        added.extend(["null", "{}", "x"].map(|into| (name.clone(), into.to_owned())));
    }
    if let Some(members) = union::members(schema) {
        added.push(("kind".to_owned(), members[0].to_owned()));
    }
    added
}

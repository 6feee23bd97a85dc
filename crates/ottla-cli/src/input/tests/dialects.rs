//! Tests of the settings of `[input]` for CSV, and of encodings.

use super::*;

fn object(line: u64, raw: &str, value: &str) -> Given {
    row(line, raw, None, value)
}

#[test]
fn a_null_marker_with_an_escape_is_a_field_with_this_escape() {
    let options = with("a.csv", &[("escape", "\\"), ("null", "\\N"), ("null.c", "a\\,\\\\b")]);
    let data = b"a,b,c\n\\N,N,\\N\nx\\N,\\NN,a\\,\\\\b\n\"\\N\",\\\\N,\"a,\\\\b\"\n";
    let values: Vec<_> = read_all(data, &options)
        .into_iter()
        .map(|given| match given {
            Given::Row(.., value) => value,
            Given::Bad(..) => panic!("a row is malformed"),
        })
        .collect();
    assert_eq!(
        values,
        [r#"{"a":null,"b":"N","c":"N"}"#, r#"{"a":"xN","b":"NN","c":null}"#, r#"{"a":"N","b":"\\N","c":"a,\\b"}"#]
    );
}

#[test]
fn a_null_marker_with_an_escape_is_null_in_the_first_row_of_an_input_without_a_header() {
    let settings = [("escape", "\\"), ("header", "false"), ("null.column1", "\\N")];
    let values: Vec<_> = read_all(b"\\N,1\n\\N,N\n", &with("a.csv", &settings)).into_iter().map(value_of).collect();
    assert_eq!(values, [r#"{"column1":null,"column2":"1"}"#, r#"{"column1":null,"column2":"N"}"#]);
}

#[test]
fn a_dialect_has_its_own_characters() {
    let data = b"# made by hand\nid;'a;b'\n1;'it''s'\n# none\n'#2';x\\;y\n\\#3;\\'\n";
    let options = with("a.csv", &[("delimiter", ";"), ("quote", "'"), ("escape", "\\"), ("comment", "#")]);
    assert_eq!(
        read_all(data, &options),
        [
            object(3, "1;'it''s'", r#"{"id":"1","a;b":"it's"}"#),
            object(5, "'#2';x\\;y", r##"{"id":"#2","a;b":"x;y"}"##),
            object(6, "\\#3;\\'", r##"{"id":"#3","a;b":"'"}"##),
        ]
    );
    assert_eq!(read_all(b"a\tb\n1\t2,\n", &super::options("a.tsv")), [object(2, "1\t2,", r#"{"a":"1","b":"2,"}"#)]);
    let unquoted = with("a.csv", &[("delimiter", "\\t"), ("quote", "")]);
    assert_eq!(read_all(b"a\tb\n\"1\t2\"\n", &unquoted), [object(2, "\"1\t2\"", r#"{"a":"\"1","b":"2\""}"#)]);
}

#[test]
fn columns_are_named_by_the_header_the_settings_or_numbers() {
    let data = b"1,2\n3\n4,5\n";
    let numbered = with("a.csv", &[("header", "false")]);
    let value =
        |line, raw: &str, one: &str, other: &str| object(line, raw, &format!(r#"{{"column1":"{one}","column2":"{other}"}}"#));
    let short = bad(2, ColumnCount, None, "3");
    assert_eq!(read_all(data, &numbered), [value(1, "1,2", "1", "2"), short.clone(), value(3, "4,5", "4", "5")]);
    assert_eq!(message(data, &numbered), "1 columns, but the first row has 2");
    assert_eq!(read_all(b"", &numbered), []);
    let key = InputOptions { key: Some("column2".into()), ..numbered.clone() };
    assert!(matches!(&read_all(data, &key)[0], Given::Row(1, _, Some(key), _) if key == "2"));
    let key = InputOptions { key: Some("column3".into()), ..numbered.clone() };
    assert_eq!(refusal(data, &key), "a.csv: the first row has no key column `column3`; its columns are column1, column2");
    assert!(refusal(b"\"a\n", &numbered).contains("invalid first row in line 1: unclosed quote"));
    let named = with("a.csv", &[("header", "a,b"), ("skip_lines", "1")]);
    assert_eq!(read_all(data, &named), [short, object(3, "4,5", r#"{"a":"4","b":"5"}"#)]);
    assert_eq!(message(data, &named), "1 columns, but `header` has 2");
}

#[test]
fn lines_before_the_header_are_skipped() {
    let value = |line| object(line, "1", r#"{"a":"1"}"#);
    for end in ["\n", "\r\n", "\r"] {
        let data = ["sep=;", "\"", "a", "1"].join(end);
        assert_eq!(read_all(data.as_bytes(), &with("a.csv", &[("skip_lines", "2")])), [value(4)], "{end:?}");
        let marked = ["\u{feff}x", "a", "1"].join(end);
        assert_eq!(read_all(marked.as_bytes(), &with("a.csv", &[("skip_lines", "1")])), [value(3)], "{end:?}");
    }
    let long = [&b"x".repeat(1_000_000)[..], b"\na\n1\n"].concat();
    assert_eq!(read_all(&long, &with("a.csv", &[("skip_lines", "1")])), [value(3)]);
    let long = [&b"#".repeat(1_000_000)[..], b"\na\n1\n", &b"#".repeat(5000)].concat();
    assert_eq!(read_all(&long, &with("a.csv", &[("comment", "#")])), [value(3)]);
    assert!(refusal(b"a\n", &with("a.csv", &[("skip_lines", "1")])).contains("the input is empty"));
}

#[test]
fn null_is_by_column_and_may_exclude_quoted_fields() {
    let value = |a: &str, b: &str| format!(r#"{{"a":{a},"b":{b}}}"#);
    let data = b"a,b\nNA,NA\n,\n\"\",\"NA\"\n";
    let by_column = with("a.csv", &[("null.a", ""), ("null.*", "NA")]);
    let values: Vec<String> = read_all(data, &by_column).into_iter().map(value_of).collect();
    assert_eq!(values, [value("\"NA\"", "null"), value("null", "\"\""), value("null", "null")]);
    let options = InputOptions { key: Some("a".into()), ..with("a.csv", &[("null", ""), ("quoted_null", "false")]) };
    let given = read_all(data, &options);
    let values: Vec<String> = given.iter().cloned().map(value_of).collect();
    assert_eq!(values, [value("\"NA\"", "\"NA\""), value("null", "null"), value("\"\"", "\"NA\"")]);
    let keys: Vec<_> = given.into_iter().map(|given| if let Given::Row(_, _, key, _) = given { key } else { None }).collect();
    assert_eq!(keys, [Some("NA".to_owned()), None, Some(String::new())]);
    let refused = refusal(data, &with("a.csv", &[("null.c", "")]));
    assert_eq!(refused, "a.csv: the header has no column `c`, which `null` names; its columns are a, b");
}

fn value_of(given: Given) -> String {
    match given {
        Given::Row(.., value) => value,
        Given::Bad(..) => panic!("{given:?}"),
    }
}

#[test]
fn an_escape_at_the_end_of_the_input_is_an_error_of_its_row() {
    let options = with("a.csv", &[("escape", "\\")]);
    assert_eq!(read_all(b"a,b\n1,2\\", &options), [bad(2, UnfinishedEscape, None, "1,2\\")]);
    assert_eq!(read_all(b"a,b\n1,\"2\\", &options), [bad(2, UnclosedQuote, None, "1,\"2\\")]);
    assert_eq!(read_all(b"a,b\n1,2\\\n3", &options), [object(2, "1,2\\\n3", r#"{"a":"1","b":"2\n3"}"#)]);
}

#[test]
fn invalid_settings_say_what_is_valid() {
    for (name, value, error) in [
        ("delimiter", "", "must not be empty"),
        ("delimiter", "||", "must be one character, but \"||\" has 2"),
        ("delimiter", "¦", "must be an ASCII character, but \"¦\" is not"),
        ("quote", "\n", "must not be a line end"),
        ("escape", "ab", "must be one character"),
        ("comment", "//", "must be one character"),
        ("header", "", "must be true, false, or a list of column names"),
        ("header", "a,b,a", "duplicate column `a`"),
        ("skip_lines", "-1", "must be a number of lines, such as 1"),
        ("quoted_null", "no", "must be true or false"),
        (
            "encoding",
            "ebcdic",
            "unknown encoding `ebcdic`; must be one of utf-8, utf-16, utf-16le, utf-16be, latin-1, windows-1252",
        ),
    ] {
        let refused = InputSettings::default().put(name, value, 1).unwrap_err();
        assert!(refused.contains(error), "{name}: {refused}");
    }
}

#[test]
fn settings_that_conflict_are_found() {
    for (settings, wanted) in [
        (&[("delimiter", "\"")][..], &["delimiter: must differ from `quote`"][..]),
        (&[("quote", ";"), ("delimiter", ";")], &["quote: must differ from `delimiter`"]),
        (&[("escape", "\"")], &["escape: is the quote, and a doubled quote is part of the text in any case; remove it"]),
        (&[("escape", "\\"), ("quote", "")], &["escape: requires a quote: remove `escape`, or set `quote`"]),
        (&[("comment", ","), ("delimiter", ",")], &["comment: must differ from `delimiter`"]),
        (
            &[("quoted_null", "false")],
            &["quoted_null: has no effect without `null`; set `null` to the text that means null, such as \"\""],
        ),
        (&[("quoted_null", "false"), ("null.a", "x"), ("comment", "#")], &[]),
    ] {
        let options = with("a.csv", settings);
        let conflicts = options.settings.conflicts();
        let found: Vec<String> = conflicts.iter().map(|(given, message)| format!("{}: {message}", given.name)).collect();
        assert_eq!(found, wanted, "{settings:?}");
    }
    // A comma is the default delimiter.
    let options = with("a.csv", &[("quote", ",")]);
    assert!(refusal(b"a\n", &options).contains("`quote` must differ from the delimiter"), "{}", refusal(b"a\n", &options));
    let lines = refusal(b"", &with("a.txt", &[("delimiter", ";")]));
    assert_eq!(lines, "a.txt: `delimiter` applies only to csv, but the format is lines; remove it");
}

#[test]
fn a_header_of_one_column_with_another_delimiter_is_a_warning() {
    let warning =
        |data: &[u8], options: &InputOptions| Input::read(Box::new(Cursor::new(data.to_vec())), options).unwrap().warning();
    let found = warning(b"id;name\n", &options("a.csv")).unwrap();
    assert!(
        found.starts_with("warning: a.csv: the header is a single column that contains \";\"")
            && found.contains("delimiter = \";\""),
        "{found}"
    );
    assert!(warning(b"id\tname\n", &options("a.csv")).unwrap().contains("delimiter = \"\\t\""));
    assert!(warning(b"id,name\n", &options("a.tsv")).unwrap().contains("delimiter = \",\""));
    for (data, options) in
        [(&b"id\n"[..], options("a.csv")), (b"a;b,c\n", options("a.csv")), (b"a;b\n", with("a.csv", &[("header", "x")]))]
    {
        assert_eq!(warning(data, &options), None, "{}", text(data));
    }
}

#[test]
fn csv_and_json_are_converted_to_utf_8() {
    let utf16: Vec<u8> = "\u{feff}a;b\n1;é😀\n2".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let options = with("a.csv", &[("encoding", "utf-16"), ("delimiter", ";")]);
    let raw = text("1;é😀".as_bytes());
    let value = text("{\"a\":\"1\",\"b\":\"é😀\"}".as_bytes());
    assert_eq!(read_all(&utf16, &options), [object(2, &raw, &value), bad(3, ColumnCount, None, "2")]);
    let key = InputOptions { key: Some("é".into()), ..with("a.jsonl", &[("encoding", "latin1")]) };
    let line = text("{\"é\":\"ü\"}".as_bytes());
    assert_eq!(read_all(b"{\"\xe9\":\"\xfc\"}\n", &key), [row(1, &line, Some(&text("ü".as_bytes())), &line)]);
}

#[test]
fn bytes_that_are_invalid_in_the_encoding_affect_only_their_row() {
    let options = with("a.csv", &[("encoding", "windows-1252")]);
    let given = read_all(b"a,b\n1,\x81\n\x80,2\n", &options);
    assert_eq!(given[0], bad(2, InvalidEncoding, Some("b"), "1,\u{81}"));
    assert_eq!(given[1], object(3, &text("€,2".as_bytes()), &text("{\"a\":\"€\",\"b\":\"2\"}".as_bytes())));
    assert_eq!(message(b"a,b\n1,\x81\n", &options), "column `b` has bytes that are not valid in windows-1252");
    let json = with("a.jsonl", &[("encoding", "cp1252")]);
    assert_eq!(message(b"{\"a\":\"\x81\"}", &json), "the line has bytes that are not valid in windows-1252");
    let lines = with("a.txt", &[("encoding", "utf-8")]);
    assert_eq!(read_all(b"a\n\xff\nb", &lines), [row(1, "a", None, "a"), bad(2, InvalidUtf8, None, "ÿ"), row(3, "b", None, "b")]);
    assert_eq!(message(b"\xff", &lines), "the line is not UTF-8");
    let header = refusal(b"a,\x81\n", &options);
    assert!(header.contains("column 2 of the header has bytes that are not valid in windows-1252; set `encoding`"), "{header}");
    // A code unit that has only one byte at the end of the input.
    assert_eq!(read_all(b"a\0\n\0b", &with("a.txt", &[("encoding", "utf-16le")]))[1], bad(2, InvalidEncoding, None, "ÿ"));
}

#[test]
fn converted_lines_are_returned_before_more_bytes_arrive() {
    for (encoding, first) in [("utf-16", &b"a\0b\0\n\0"[..]), ("latin-1", b"ab\n")] {
        let source = Cursor::new(first).chain(NotYet);
        let mut input = Input::read(Box::new(source), &with("a.txt", &[("encoding", encoding)])).unwrap();
        assert!(matches!(input.next(), Ok(Step::Row(Row { value: Some(b"ab"), .. }))), "{encoding}");
    }
}

/// The page is generated from the table of settings.
#[test]
fn the_page_of_the_input_settings_is_current() {
    let mut page = String::from(
        "# Settings of the input\n\nThe table `[input]` of a configuration file of the command ([command.md](command.md)). \
         Generated from the source; `UPDATE_DOCS=1 cargo test -p ottla-cli` writes it again.\n\n\
         | Setting | Formats | Default | |\n| --- | --- | --- | --- |\n",
    );
    for setting in &INPUT_SETTINGS {
        let formats = setting.formats().unwrap_or_else(|| "all".to_owned());
        let [default, meaning] = [setting.default, setting.meaning].map(|text| text.replace('|', "\\|"));
        page.push_str(&format!("| `{}` | {formats} | {default} | {meaning} |\n", setting.name));
    }
    let path = ottla_test_support::repository("docs/input-settings.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == page, "docs/input-settings.md is out of date; run UPDATE_DOCS=1 cargo test -p ottla-cli");
}

//! Tests of positions: a reader that continues at the position after any record returns the rest of the records.

use super::*;

/// The records of an input, each with the position after it.
fn positions(data: &[u8], options: &InputOptions) -> Vec<(Given, InputPosition)> {
    let mut input = Input::read(Box::new(Cursor::new(data.to_vec())), options).unwrap();
    let mut found = Vec::new();
    loop {
        let given = match input.next().unwrap() {
            Step::Row(row) => Given::Row(row.line, text(row.raw), row.key.map(text), text(row.value.unwrap())),
            Step::Bad(error) => Given::Bad(error.line, error.kind, error.field, text(&error.record)),
            Step::Layout | Step::End | Step::Wait => return found,
        };
        found.push((given, input.position()));
    }
}

/// The records from a position on.
fn rest(data: &[u8], options: &InputOptions, position: InputPosition, piece: usize) -> Result<Vec<Given>, ResumeError> {
    let mut input = Input::read(Box::new(Pieces(data.to_vec(), 0, piece)), options).unwrap();
    input.resume(SeekablePieces(Cursor::new(data.to_vec()), piece), position, options)?;
    let (given, error) = drain(&mut input);
    assert!(error.is_none(), "{error:?}");
    Ok(given)
}

struct SeekablePieces(Cursor<Vec<u8>>, usize);

impl Read for SeekablePieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = buffer.len().min(self.1);
        self.0.read(&mut buffer[..size])
    }
}

impl Seek for SeekablePieces {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

/// Checks that each position of the input gives the rest of its records. A record that is cut off, and those after it, do not move the position:
/// they are read again.
#[track_caller]
fn check_each_position(data: &[u8], options: &InputOptions) {
    let found = positions(data, options);
    let first = Input::read(Box::new(Cursor::new(data.to_vec())), options).unwrap().position();
    for (index, (_, position)) in found.iter().enumerate() {
        if *position == first {
            // A run that is at the beginning does not continue.
            continue;
        }
        let moved = (0..=index).find(|earlier| found[*earlier].1 == *position).unwrap_or(index);
        let wanted: Vec<Given> = found[moved + 1..].iter().map(|(given, _)| given.clone()).collect();
        for piece in [usize::MAX, 3] {
            assert_eq!(rest(data, options, *position, piece).unwrap(), wanted, "after record {index}, {position:?}");
        }
    }
}

/// Settings of `[input]`, each valid for CSV.
const DIALECTS: [&[(&str, &str)]; 7] = [
    &[],
    &[("header", "false")],
    &[("header", "a,b"), ("skip_lines", "1")],
    &[("delimiter", ";"), ("quote", "'"), ("escape", "\\"), ("comment", "#")],
    &[("null", "a"), ("quoted_null", "false")],
    &[("quote", "")],
    &[("header", "a")],
];

/// Bytes that make many line ends and quotes.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        Just(b','),
        Just(b'"'),
        Just(b'\n'),
        Just(b'\n'),
        Just(b'\r'),
        Just(b'\\'),
        Just(b'#'),
        Just(b'\''),
        Just(b'a'),
        Just(b'{'),
        any::<u8>()
    ];
    proptest::collection::vec(byte, 0..60)
}

proptest! {
    #[test]
    fn every_position_gives_the_rest(data in bytes(), which in 0..9_usize, marked: bool, max in prop_oneof![Just(1000_usize), 1..12_usize]) {
        let mut options = match which {
            0 => options("a.txt"),
            1 => options("a.jsonl"),
            which => with("a.csv", DIALECTS[which - 2]),
        };
        options.max_record = max;
        let data = if marked { [b"\xef\xbb\xbf", &data[..]].concat() } else { data };
        prop_assume!(Input::read(Box::new(Cursor::new(data.clone())), &options).is_ok());
        check_each_position(&data, &options);
    }

    #[test]
    fn every_position_of_an_archive_or_another_encoding_gives_the_rest(texts in proptest::collection::vec("[a-c,é\"]{0,5}", 1..12), end in prop_oneof![Just("\n"), Just("\r\n"), Just("\r")], which in 0..8_usize, is_csv: bool) {
        let path = if is_csv { "a.csv" } else { "a.txt" };
        let lines = texts.join(end);
        let units = |bytes: fn(u16) -> [u8; 2]| lines.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
        let (data, settings): (_, &[_]) = match which {
            0 => (gzip(lines.as_bytes()), &[]),
            1 => (zstd(lines.as_bytes()), &[]),
            2 => (xz(lines.as_bytes()), &[]),
            3 => (lz4(lines.as_bytes()), &[]),
            4 => ([b"\xff\xfe".to_vec(), units(u16::to_le_bytes)].concat(), &[("encoding", "utf-16")]),
            5 => (units(u16::to_be_bytes), &[("encoding", "utf-16be")]),
            6 => (gzip(&units(u16::to_le_bytes)), &[("encoding", "utf-16le")]),
            _ => (lines.chars().map(|c| u8::try_from(c).unwrap()).collect(), &[("encoding", "latin-1")]),
        };
        let options = with(path, settings);
        prop_assume!(Input::read(Box::new(Cursor::new(data.clone())), &options).is_ok());
        check_each_position(&data, &options);
    }

    #[test]
    fn every_position_between_json_values_gives_the_rest(values in proptest::collection::vec(("[ \n\r]{0,3}", 0..5_usize, any::<bool>()), 1..12), compressed: bool) {
        let (mut text, mut is_array) = (String::new(), false);
        for (space, which, ends_array) in values {
            let value = ["{}", "{\"a\":1}", "{\n \"a\": [\"}\",\n2]}", "7", "\"x\""][which];
            let before = if is_array { "," } else if ends_array { " [" } else { " " };
            is_array = is_array || ends_array;
            text += &format!("{before}{space}{value}{space}");
            if is_array && which == 0 {
                text += "]\n";
                is_array = false;
            }
        }
        text += if is_array { "]" } else { "" };
        let data = if compressed { gzip(text.as_bytes()) } else { text.into_bytes() };
        check_each_position(&data, &options("a.json"));
    }

    /// An input that is read to its end, grows, and is read again.
    #[test]
    fn an_input_that_grew_continues_after_its_last_record(lines in proptest::collection::vec("[ab]{1,3}", 1..6), more in proptest::collection::vec("[ab]{1,3}", 1..6), end in prop_oneof![Just("\n"), Just("\r\n")], ended: bool, compressed: bool) {
        let options = options("a.txt");
        let stored = |text: &str| if compressed { gzip(text.as_bytes()) } else { text.as_bytes().to_vec() };
        let first = lines.join(end) + if ended { end } else { "" };
        let whole = [lines, more].concat().join(end);
        let found = positions(&stored(&first), &options);
        let again = rest(&stored(&whole), &options, found.last().unwrap().1, usize::MAX).unwrap();
        let all: Vec<Given> = found.into_iter().map(|(given, _)| given).chain(again).collect();
        prop_assert_eq!(all, read_all(&stored(&whole), &options));
    }
}

/// A source that fails after its bytes.
struct Failing(Cursor<Vec<u8>>);

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other("the disk failed")),
            read => Ok(read),
        }
    }
}

#[test]
fn after_a_read_error_the_position_is_the_end_of_the_last_record() {
    let long = format!("{}\n", "x".repeat(40));
    let csv = format!("a,b\r\n1,\"x\ny\"\r\n\r\n2,3\n4,5\n{long}#no\n6,7");
    let lines = format!("ab\r\n\ncd\n{long}e\n\nf");
    let jsonl = format!("{{\"a\":1}}\n\n{{\"a\":2}}\r\n{long}{{\"a\":3}}\n");
    let json = "[{\"a\":\n1},\n {}] {\"b\": [2,\n3]} {}".to_owned();
    let mut short = with("a.csv", &[("comment", "#")]);
    short.max_record = 20;
    let mut in_lines = options("a.txt");
    in_lines.max_record = 20;
    let mut in_jsonl = options("a.jsonl");
    in_jsonl.max_record = 20;
    for (text, options) in [(csv, short), (lines, in_lines), (jsonl, in_jsonl), (json, options("a.json"))] {
        let data = text.into_bytes();
        let whole = positions(&data, &options);
        let all: Vec<Given> = whole.iter().map(|(given, _)| given.clone()).collect();
        for length in 0..=data.len() {
            let source = Failing(Cursor::new(data[..length].to_vec()));
            // The header is not complete.
            let Ok(mut input) = Input::read(Box::new(source), &options) else { continue };
            let first = input.position();
            let (given, error) = drain(&mut input);
            let path = options.path.display();
            assert!(error.is_some(), "{path}, {length} bytes");
            assert_eq!(given, all[..given.len()], "{path}, {length} bytes");
            let position = input.position();
            if position == first {
                assert_eq!(given, [], "{path}, {length} bytes");
                continue;
            }
            // Blank lines after the last record may be passed.
            let (last, next) = (whole[given.len() - 1].1, whole.get(given.len()).map_or(u64::MAX, |(_, next)| next.offset));
            assert!((last.offset..next).contains(&position.offset), "{path}, {length} bytes: {position:?}");
            assert_eq!(rest(&data, &options, position, 3).unwrap(), all[given.len()..], "{path}, {length} bytes");
        }
    }
}

#[test]
fn a_csv_record_that_is_cut_off_is_read_again() {
    let options = with("a.csv", &[("escape", "\\"), ("comment", "#")]);
    let whole = b"a\n1\n\"2\n3\"\n4\\,5\n#6\n7\n";
    let all = read_all(whole, &options);
    // In the quoted field, after its first line, after the escape, and in the comment.
    for (length, records) in [(6, 1), (7, 1), (8, 1), (12, 2), (16, 3)] {
        let found = positions(&whole[..length], &options);
        let mut input = Input::read(Box::new(Cursor::new(whole[..length].to_vec())), &options).unwrap();
        drain(&mut input);
        let position = input.position();
        assert_eq!(position, found.last().unwrap().1, "{length} bytes");
        assert_eq!(rest(whole, &options, position, usize::MAX).unwrap(), all[records..], "{length} bytes");
    }
}

#[test]
fn positions_are_counted_in_bytes_and_lines() {
    let position = |offset, line| InputPosition::new(offset, line);
    let found: Vec<InputPosition> =
        positions(b"a,b\r\n1,\"x\ny\"\r\n\r\n2,3\n4,5", &options("a.csv")).into_iter().map(|(_, position)| position).collect();
    // After a `\r`, whose `\n` is part of the same line end.
    assert_eq!(found, [position(13, 4), position(20, 6), position(23, 6)]);
    let found: Vec<InputPosition> =
        positions(&gzip(b"ab\r\n\ncd"), &options("a.txt")).into_iter().map(|(_, position)| position).collect();
    assert_eq!(found, [position(4, 2), position(5, 3), position(7, 3)]);
}

#[test]
fn a_position_in_json_has_the_column_and_the_array() {
    let data = b"[{\"a\":\n1},\n {}] {}";
    let found: Vec<InputPosition> = positions(data, &options("a.json")).into_iter().map(|(_, position)| position).collect();
    let position = |offset, line, column, array| InputPosition { offset, line, column, array };
    assert_eq!(found, [position(9, 2, 2, Some(1)), position(14, 3, 3, Some(1)), position(18, 3, 7, None)]);
    // A value without an end is read again, and so is the error after it.
    let torn = b"{} {\"a\n\": 1}";
    let mut input = Input::read(Box::new(Cursor::new(torn.to_vec())), &options("a.json")).unwrap();
    assert!(matches!(input.next(), Ok(Step::Row(_))));
    assert!(matches!(input.next(), Ok(Step::Bad(_))));
    assert_eq!(input.position(), position(2, 1, 2, None));
    let mut again = Input::read(Box::new(Cursor::new(torn.to_vec())), &options("a.json")).unwrap();
    again.resume(Cursor::new(torn.to_vec()), position(2, 1, 2, None), &options("a.json")).unwrap();
    assert_eq!(drain(&mut again).0, drain(&mut input_after_the_first(torn)).0);
}

fn input_after_the_first(data: &[u8]) -> Input {
    let mut input = Input::read(Box::new(Cursor::new(data.to_vec())), &options("a.json")).unwrap();
    input.next().unwrap();
    input
}

#[test]
fn an_input_that_does_not_fit_the_position_is_an_error() {
    let at = |offset, line| InputPosition::new(offset, line);
    let error = |data: &[u8], path: &str, position| chain(&rest(data, &options(path), position, usize::MAX).unwrap_err());
    let shrank = "ends after 4 bytes, but its checkpoint is at byte 6, line 4";
    assert_eq!(error(b"a\nb\n", "a.txt", at(6, 4)), shrank);
    assert_eq!(error(&gzip(b"a\nb\n"), "a.txt", at(6, 4)), shrank);
    assert_eq!(error(&zstd(b"a\nb\n"), "a.txt", at(5, 4)), "ends after 4 bytes, but its checkpoint is at byte 5, line 4");
    let grew = "line 2, the last one before its checkpoint, had no line end and is longer now";
    assert_eq!(error(b"a\nbc\n", "a.txt", at(3, 2)), grew);
    assert_eq!(error(&xz(b"a\nb\r\r\n"), "a.txt", at(3, 2)), grew);
    let truncated = gzip(b"a\nb\nc\n");
    let error = error(&truncated[..truncated.len() - 12], "a.txt", at(6, 4));
    assert!(error.starts_with("cannot be read up to its checkpoint at line 4: the gzip data is truncated"), "{error}");
}

#[test]
fn blank_lines_before_the_first_row_of_one_column_are_rows_with_positions() {
    let data = b"\n\r\n\r\n# no row\n\nx\n\n";
    let options = with("a.csv", &[("header", "false"), ("comment", "#")]);
    let lines: Vec<u64> =
        read_all(data, &options).iter().map(|given| if let Given::Row(line, ..) = given { *line } else { 0 }).collect();
    assert_eq!(lines, [1, 2, 3, 5, 6, 7]);
    // A run continues after each row.
    let whole = read_all(data, &options);
    for count in 1..whole.len() {
        let mut input = Input::read(Box::new(Cursor::new(data.to_vec())), &options).unwrap();
        for _ in 0..count {
            assert!(matches!(input.next(), Ok(Step::Row(_))));
        }
        let position = input.position();
        let mut again = Input::read(Box::new(Cursor::new(data.to_vec())), &options).unwrap();
        again.resume(Cursor::new(data.to_vec()), position, &options).unwrap();
        assert_eq!(drain(&mut again).0, whole[count..], "after {count} rows");
    }
    // With several columns they are skipped, and so are those of an input without any other row.
    assert_eq!(read_all(b"\n\n1,2\n\n3,4\n", &with("a.csv", &[("header", "false")])).len(), 2);
    assert_eq!(read_all(b"\n\n", &with("a.csv", &[("header", "false")])), []);
}

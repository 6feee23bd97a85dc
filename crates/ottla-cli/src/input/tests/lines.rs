//! Tests of the reader of lines.

use super::*;

#[test]
fn lines_are_returned_without_line_ends() {
    let line = |number, text| row(number, text, None, text);
    assert_eq!(read_all(b"", &options("a.txt")), []);
    assert_eq!(
        read_all(b"a\r\n\nb\rc\n\xff\xfe", &options("a.txt")),
        [line(1, "a"), line(2, ""), line(3, "b\rc"), line(4, "ÿþ")]
    );
    assert_eq!(read_all(b"a\n", &options("-")), [line(1, "a")]);
}

#[test]
fn a_line_that_is_too_long_is_one_error() {
    let options = InputOptions { max_record: 5, ..options("a.txt") };
    for end in ["\n", "\r\n"] {
        let data = ["12345", "123456", "x", "123456789012345", "y", ""].join(end);
        let given = read_all(data.as_bytes(), &options);
        let long = |line| bad(line, RecordTooLarge, None, "12345");
        assert_eq!(given, [row(1, "12345", None, "12345"), long(2), row(3, "x", None, "x"), long(4), row(5, "y", None, "y")]);
        assert!(message(b"123456789012345\r\n", &options).starts_with("the record has 15 bytes"));
    }
    assert_eq!(read_all(b"1234567890", &options), [bad(1, RecordTooLarge, None, "12345")]);
}

#[test]
fn an_endless_line_does_not_grow_the_memory() {
    let source = io::repeat(b'x').take(50_000_000).chain(Cursor::new(b"\nnext"));
    let mut lines = super::super::lines::Lines::new(Box::new(source), 1000, None, LineDialect::default());
    let Step::Bad(error) = lines.next().unwrap() else { panic!("a line of 50 MB was accepted") };
    assert!(error.message.starts_with("the record has 50000000 bytes"), "{error}");
    assert!(error.record.capacity() < 10_000);
    assert!(matches!(lines.next().unwrap(), Step::Row(Row { line: 2, value: Some(b"next"), .. })));
}

#[test]
fn lines_across_reads_are_complete() {
    // More than one read of the source, whose ends are inside of lines and of line ends.
    let lines: Vec<String> = (0..60_000_usize).map(|number| format!("{number} {}", "x".repeat(number % 17))).collect();
    for end in ["\n", "\r\n"] {
        let data = lines.join(end);
        for first in [1, 2, 11] {
            let source = Cursor::new(data.as_bytes()[..first].to_vec()).chain(Cursor::new(data.as_bytes()[first..].to_vec()));
            let mut read = super::super::lines::Lines::new(Box::new(source), 1000, None, LineDialect::default());
            for (number, line) in (1..).zip(&lines) {
                let Step::Row(row) = read.next().unwrap() else { panic!("line {number} is missing") };
                assert_eq!((row.line, row.value.map(text)), (number, Some(line.clone())));
            }
            assert!(matches!(read.next().unwrap(), Step::End));
            assert_eq!(read.position().offset, data.len() as u64);
        }
    }
}

//! Avro object container files.

use apache_avro::{Codec, DeflateSettings, Schema, Writer, types::Record};

use super::{super::avro_container::AvroContainer, *};

const SCHEMA: &str = r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"string"},{"name":"count","type":["null","long"]},
    {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
    {"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}}]}"#;

/// A file with this number of objects in each block.
fn file(blocks: &[usize], codec: Codec) -> Vec<u8> {
    let schema = Schema::parse_str(SCHEMA).unwrap();
    let mut writer = Writer::with_codec(&schema, Vec::new(), codec);
    let mut id: i32 = 0;
    for objects in blocks {
        for _ in 0..*objects {
            let mut record = Record::new(&schema).unwrap();
            record.put("id", format!("o-{id}"));
            record.put("count", (id % 2 == 0).then_some(i64::from(id)));
            record.put("at", apache_avro::types::Value::TimestampMillis(i64::from(id) * 1000));
            record.put("price", apache_avro::Decimal::from((-id).to_be_bytes()));
            writer.append(record).unwrap();
            id += 1;
        }
        writer.flush().unwrap();
    }
    writer.into_inner().unwrap()
}

fn read(bytes: &[u8]) -> (Vec<String>, Option<io::Error>) {
    let mut container = match AvroContainer::new(Box::new(Cursor::new(bytes.to_vec()))) {
        Ok(container) => container,
        Err(error) => return (Vec::new(), Some(error)),
    };
    let mut text = String::new();
    let failed = container.read_to_string(&mut text).err();
    // `read_to_string` keeps nothing of a source that fails.
    let mut container = AvroContainer::new(Box::new(Cursor::new(bytes.to_vec()))).unwrap();
    let mut bytes = Vec::new();
    let _ = container.read_to_end(&mut bytes);
    (String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect(), failed)
}

#[test]
fn objects_are_lines_of_json() {
    for codec in [Codec::Null, Codec::Deflate(DeflateSettings::default()), Codec::Snappy] {
        let (lines, failed) = read(&file(&[2, 1], codec));
        assert!(failed.is_none(), "{failed:?}");
        assert_eq!(
            lines,
            [
                r#"{"id":"o-0","count":0,"at":"1970-01-01T00:00:00Z","price":"0.00"}"#,
                r#"{"id":"o-1","count":null,"at":"1970-01-01T00:00:01Z","price":"-0.01"}"#,
                r#"{"id":"o-2","count":2,"at":"1970-01-01T00:00:02Z","price":"-0.02"}"#
            ]
        );
    }
}

#[test]
fn a_file_that_is_truncated_anywhere_is_an_error_after_its_last_whole_block() {
    let whole = file(&[3, 2], Codec::Null);
    let (first, header) = (file(&[3], Codec::Null).len(), file(&[], Codec::Null).len());
    for length in 0..whole.len() {
        let (lines, failed) = read(&whole[..length]);
        let complete = if length >= first { 3 } else { 0 };
        assert_eq!(lines.len(), complete, "{length}");
        assert_eq!(failed.is_none(), length == first || length == header, "{length}: {failed:?}");
    }
}

#[test]
fn damaged_and_other_files_are_errors() {
    let mut whole = file(&[3], Codec::Snappy);
    let last = whole.len() - 1;
    whole[last] ^= 1;
    let (lines, failed) = read(&whole);
    assert_eq!((lines.len(), failed.unwrap().to_string().contains("damaged in the block that ends at byte")), (0, true));
    // A block without objects, before one with objects.
    let header = file(&[], Codec::Null);
    let block = file(&[1], Codec::Null)[header.len()..].to_vec();
    let empty = [&[0, 0][..], &header[header.len() - 16..]].concat();
    let (lines, failed) = read(&[&header[..], &empty, &block].concat());
    assert_eq!((lines.len(), failed.is_some()), (0, true));
    for (bytes, message) in
        [(&b"{}\n"[..], "is not an Avro object container file"), (b"", "is not an Avro object container file")]
    {
        assert!(read(bytes).1.unwrap().to_string().contains(message));
    }
    let mut unknown = header.clone();
    let find =
        |wanted: &[u8], from: usize| from + header[from..].windows(wanted.len()).position(|there| there == wanted).unwrap();
    let codec = find(b"null", find(b"avro.codec", 0));
    unknown[codec..codec + 4].copy_from_slice(b"lzma");
    let message = read(&unknown).1.unwrap().to_string();
    assert!(message.contains("write the file with the codec null, deflate or snappy"), "{message}");
    let longs = Schema::parse_str(r#""long""#).unwrap();
    let longs = Writer::new(&longs, Vec::new()).into_inner().unwrap();
    assert!(read(&longs).1.unwrap().to_string().contains("not records"));
}

#[test]
fn a_run_continues_after_each_record() {
    let (bytes, options) = (file(&[2, 3], Codec::Snappy), with_key("orders.avro", "id"));
    let all = read_all(&bytes, &options);
    assert_eq!(all.len(), 5);
    assert!(matches!(&all[4], Given::Row(5, _, Some(key), _) if key == "o-4"), "{all:?}");
    for before in 1..=5 {
        let mut input = Input::read(Box::new(Cursor::new(bytes.clone())), &options).unwrap();
        for _ in 0..before {
            assert!(matches!(input.next(), Ok(Step::Row(_))));
        }
        let position = input.position();
        let mut input = Input::read(Box::new(Cursor::new(bytes.clone())), &options).unwrap();
        input.resume(Cursor::new(bytes.clone()), position, &options).unwrap();
        assert_eq!(drain(&mut input).0, all[before..], "{before}");
    }
}

#[test]
fn avro_files_without_the_format_are_refused_with_a_remedy() {
    assert!(
        refusal(&file(&[1], Codec::Null), &options("orders.jsonl"))
            .contains("this is an Avro object container: pass --format avro")
    );
    assert!(
        refusal(&gzip(&file(&[1], Codec::Null)), &options("orders.avro.gz")).contains("is not an Avro object container file")
    );
    assert!(
        refusal(b"", &with("orders.avro", &[("encoding", "latin-1")]))
            .contains("`encoding` applies only to lines, jsonl, json, csv and record")
    );
}

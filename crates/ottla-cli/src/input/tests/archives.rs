//! Tests of compressed inputs and of unsupported containers.

use super::*;

pub(super) fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zstd(data: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn xz(data: &[u8]) -> Vec<u8> {
    let mut options = lzma_rust2::XzOptions::with_preset(1);
    options.set_check_sum_type(lzma_rust2::CheckType::Sha256);
    let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn lz4(data: &[u8]) -> Vec<u8> {
    let mut frame = lz4_flex::frame::FrameInfo::new();
    frame.content_checksum = true;
    frame.block_size = lz4_flex::frame::BlockSize::Max64KB;
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(frame, Vec::new());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn archives_are_detected_by_extension_and_first_bytes() {
    let plain = b"one\ntwo\n";
    let expected = read_all(plain, &options("a.txt"));
    for archive in [gzip(plain), zstd(plain), xz(plain), lz4(plain)] {
        assert_eq!(read_all(&archive, &options("-")), expected);
        assert_eq!(read_all(&archive, &options("a.txt")), expected);
    }
    assert_eq!(read_all(&gzip(plain), &options("a.txt.gz")), expected);
    assert_eq!(read_all(&zstd(plain), &options("a.txt.ZST")), expected);
    assert_eq!(read_all(&xz(plain), &options("a.txt.xz")), expected);
    assert_eq!(read_all(&lz4(plain), &options("a.txt.lz4")), expected);
    assert!(refusal(plain, &options("a.txt.gz")).contains("the file extension says gzip, but the content is not gzip"));
    assert!(refusal(&gzip(plain), &options("a.txt.zst")).contains("the file extension says zstd"));
    assert!(refusal(&lz4(plain), &options("a.txt.xz")).contains("the file extension says xz"));
    assert!(refusal(b"", &options("a.txt.gz")).contains("truncated"));
}

#[test]
fn zstd_with_skippable_frames_and_gzip_with_zero_padding_are_read() {
    let plain = b"one\ntwo\n";
    let expected = read_all(plain, &options("a.txt"));
    for kind in 0x50..=0x5f {
        let skipped = [&[kind, 0x2a, 0x4d, 0x18, 5, 0, 0, 0][..], b"\n\nhi\n"].concat();
        let archive = [skipped.clone(), zstd(b"one\n"), skipped.clone(), zstd(b"two\n"), skipped].concat();
        for path in ["-", "a.txt", "a.txt.zst"] {
            assert_eq!(read_all(&archive, &options(path)), expected, "{path}");
        }
    }
    for zeros in [1, 511, 100_000] {
        let archive = [gzip(plain), vec![0; zeros]].concat();
        assert_eq!(read_all(&archive, &options("a.txt.gz")), expected);
        let two = [gzip(b"one\n"), vec![0; zeros], gzip(b"two\n"), vec![0; zeros]].concat();
        assert_eq!(read_all(&two, &options("-")), expected);
    }
    let mut input = Input::read(Box::new(Cursor::new([gzip(plain), b"\0\0x".to_vec()].concat())), &options("a.txt.gz")).unwrap();
    let (given, error) = drain(&mut input);
    assert_eq!(given, expected);
    let error = chain(&error.unwrap());
    assert!(error.contains("cannot read line 3") && error.contains("trailing bytes are not gzip"), "{error}");
}

#[test]
fn lz4_may_begin_with_skippable_frames() {
    let expected = read_all(b"one\ntwo\n", &options("a.txt"));
    for size in [0_u32, 5, 10_000] {
        let skipped = [&b"\x5a\x2a\x4d\x18"[..], &size.to_le_bytes(), &vec![b'\n'; size as usize]].concat();
        let archive = [&skipped[..], &skipped, &lz4(b"one\n"), &skipped, &lz4(b"two\n"), &skipped].concat();
        for path in ["-", "a.txt", "a.txt.lz4"] {
            assert_eq!(read_all(&archive, &options(path)), expected, "{path}");
        }
        assert!(refusal(&archive, &options("a.txt.zst")).contains("the file extension says zstd"));
        assert_eq!(read_all(&skipped.repeat(3), &options("-")), []);
        let cut = &skipped[..skipped.len() - 1];
        assert!(refusal(cut, &options("a.txt.lz4")).contains("truncated"), "{size}");
        assert!(refusal(&[&skipped[..], b"text\n"].concat(), &options("-")).contains("neither zstd nor lz4 data follows"));
    }
    for length in 0..7 {
        assert!(refusal(&b"\x5a\x2a\x4d\x18\x01\0\0\0x"[..length], &options("a.txt.lz4")).contains("truncated"), "{length}");
    }
}

#[test]
fn an_empty_lz4_block_does_not_end_its_frame() {
    let expected = read_all(b"one\ntwo\n", &options("a.txt"));
    let whole = lz4(b"one\ntwo\n");
    // Flags, block size and checksum after the magic number, and the checksum of the content.
    let (header, checksum) = (&whole[..7], &whole[whole.len() - 4..]);
    let block = |text: &[u8]| [&(u32::try_from(text.len()).unwrap() | 1 << 31).to_le_bytes()[..], text].concat();
    let empty = [block(b""), [&1_u32.to_le_bytes()[..], b"\0"].concat()];
    for empty in empty {
        let blocks = [&empty[..], &block(b"one\n"), &empty, &empty, &block(b"two\n"), &empty].concat();
        let frame = [header, &blocks, &[0; 4], checksum].concat();
        assert_eq!(read_all(&frame, &options("a.txt.lz4")), expected);
        assert_eq!(read_all(&frame.repeat(2), &options("a.txt.lz4")).len(), 4);
        let mut input = Input::read(Box::new(Cursor::new(frame[..frame.len() - 9].to_vec())), &options("a.txt.lz4")).unwrap();
        assert!(chain(&drain(&mut input).1.unwrap()).contains("truncated"));
    }
}

#[test]
fn unsupported_containers_are_rejected_by_name() {
    for (bytes, wanted) in [
        (&b"BZh91AY&SY"[..], "bzip2 data is not supported: decompress it first (bzip2 -dc FILE) and pass --input -"),
        (b"\x02\x21\x4c\x18\x01\0", "lz4's legacy format data is not supported"),
        (b"PK\x03\x04", "zip data is not supported"),
        (b"PAR1\x15\x04", "Parquet data is not supported: convert it to csv or jsonl first"),
        (b"Obj\x01\x04", "this is an Avro object container: pass --format avro"),
    ] {
        for path in ["-", "a.txt", "a.jsonl", "a.csv"] {
            let whole = refusal(bytes, &options(path));
            assert!(whole.contains(wanted), "{path}: {whole}");
            let in_pieces = Input::read(Box::new(Pieces(bytes.to_vec(), 0, 1)), &options(path)).map(drop).unwrap_err();
            assert_eq!(chain(&in_pieces), whole);
        }
        let inside = refusal(&gzip(bytes), &options("-"));
        assert!(inside.contains("gzip data that contains other data: "), "{inside}");
    }
    assert!(refusal(&zstd(&gzip(b"x")), &options("-")).contains("zstd data that contains gzip data"));
    assert!(refusal(b"", &options("orders.csv.bz2")).contains("bzip2 data is not supported"));
    let mut tar = vec![0; 512];
    tar[..5].copy_from_slice(b"a.txt");
    tar[257..262].copy_from_slice(b"ustar");
    assert!(refusal(&gzip(&tar), &options("-")).contains("tar"));
}

#[test]
fn all_members_of_an_archive_are_read() {
    for compress in [gzip, zstd, xz, lz4] {
        let data = [compress(b"one\ntw"), compress(b"o\nthree")].concat();
        let given = read_all(&data, &options("-"));
        assert_eq!(given, ["one", "two", "three"].iter().zip(1..).map(|(t, n)| row(n, t, None, t)).collect::<Vec<_>>());
    }
}

#[test]
fn records_before_the_end_of_a_truncated_archive_are_kept() {
    let mut plain = String::from("number,square\n");
    for number in 0_u64..40_000 {
        plain.push_str(&format!("{number},{}\n", number * number));
    }
    let plain_bytes = plain.as_bytes();
    for (name, archive) in
        [("gzip", gzip(plain_bytes)), ("zstd", zstd(plain_bytes)), ("xz", xz(plain_bytes)), ("lz4", lz4(plain_bytes))]
    {
        for path in ["a.csv", "a.txt"] {
            let half = archive[..archive.len() * 2 / 3].to_vec();
            let mut input = Input::read(Box::new(Cursor::new(half)), &options(path)).unwrap();
            let (given, error) = drain(&mut input);
            let error = chain(&error.unwrap());
            // xz is decompressed in chunks of up to 64 KiB, which are whole or not at all.
            assert!(given.len() > if name == "xz" { 50 } else { 1000 }, "{name}: {} rows", given.len());
            let whole: HashSet<_> = plain.lines().collect();
            let is_whole = |given: &Given| matches!(given, Given::Row(_, raw, ..) if whole.contains(&**raw));
            assert!(given.iter().all(is_whole), "an incomplete row was returned");
            let line = given.len() + 1 + usize::from(path == "a.csv");
            let expected = format!("{path}: cannot read line {line} or anything after it: the {name} data is truncated");
            assert!(error.starts_with(&expected), "{error}");
        }
        let mut damaged = archive.clone();
        let middle = damaged.len() / 2;
        damaged[middle..middle + 50].fill(0x55);
        let mut input = Input::read(Box::new(Cursor::new(damaged)), &options("a.txt")).unwrap();
        let error = chain(&drain(&mut input).1.unwrap());
        assert!(error.contains(&format!("the {name} data is ")), "{error}");
    }
}

#[test]
fn an_lz4_file_may_have_skippable_frames_between_its_frames() {
    let expected = read_all(b"one\ntwo\n", &options("a.txt"));
    let skipped = [&[0x5a, 0x2a, 0x4d, 0x18, 5, 0, 0, 0][..], b"\n\nhi\n"].concat();
    let archive = [lz4(b"one\n"), skipped.clone(), lz4(b""), lz4(b"two\n"), skipped].concat();
    assert_eq!(read_all(&archive, &options("a.txt.lz4")), expected);
    let whole = [lz4(b"one\n"), lz4(b"two\n")].concat();
    for length in 0..whole.len() {
        let read = Input::read(Box::new(Cursor::new(whole[..length].to_vec())), &options("a.txt.lz4"));
        let error = match read {
            Err(error) => Some(error),
            Ok(mut input) => drain(&mut input).1,
        };
        // The first frame alone is a whole file.
        assert_eq!(error.is_none(), length == lz4(b"one\n").len(), "{length} of {} bytes: {error:?}", whole.len());
        assert!(error.is_none_or(|error| chain(&error).contains("truncated")), "{length}");
    }
    let trailing = [lz4(b"one\n"), b"xxxx".to_vec()].concat();
    let mut input = Input::read(Box::new(Cursor::new(trailing)), &options("a.txt.lz4")).unwrap();
    assert!(chain(&drain(&mut input).1.unwrap()).contains("trailing bytes are not lz4"));
}

#[test]
fn an_xz_file_that_needs_much_memory_is_refused() {
    let mut options = lzma_rust2::XzOptions::with_preset(1);
    options.lzma_options.dict_size = 1 << 28;
    let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
    encoder.write_all(b"one\n").unwrap();
    let archive = encoder.finish().unwrap();
    let mut input = Input::read(Box::new(Cursor::new(archive)), &super::options("a.txt.xz")).unwrap();
    let error = chain(&drain(&mut input).1.unwrap());
    assert!(error.contains("the xz data needs more than 128 MiB of memory to decompress"), "{error}");
}

#[test]
fn damaged_archives_do_not_panic() {
    let plain: Vec<u8> = (0..3000_u32).flat_map(|number| format!("line {number}\n").into_bytes()).collect();
    let mut random = fastrand::Rng::with_seed(5);
    for compress in [gzip, zstd, xz, lz4] {
        let archive = compress(&plain);
        for _ in 0..200 {
            let mut damaged = archive.clone();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(8..damaged.len());
                damaged[at] = random.u8(..);
            }
            if let Ok(mut input) = Input::read(Box::new(Cursor::new(damaged)), &options("a.txt")) {
                drain(&mut input);
            }
        }
    }
}

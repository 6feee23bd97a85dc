//! Files that are followed, on Apache Kafka: each row exactly once, whatever is killed, renamed and compressed meanwhile.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::Path,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use ottla_test_support::{
    broker::{bootstrap_servers, topic},
    folder::Folder,
    log,
};

use crate::{
    arguments,
    command::{command, end},
};

/// How many rows each file has before it is replaced.
const ROWS: usize = 400;

/// Writes numbered rows to `app.log` until `is_done`. After each `ROWS` rows the file is renamed, and the one before the last is compressed.
/// Returns the number of files.
fn write(folder: &Path, written: &AtomicUsize, is_done: &AtomicBool) -> usize {
    let path = folder.join("app.log");
    let rotated = |n: usize| folder.join(format!("app.log.{n}"));
    let mut files = 1;
    let mut file = OpenOptions::new().append(true).create(true).open(&path).unwrap();
    while !is_done.load(Ordering::Relaxed) {
        let n = written.load(Ordering::Relaxed) + 1;
        // A line is not always written at once.
        let line = format!("{n} {}\n", "x".repeat(n % 100));
        let (one, other) = line.split_at(n % line.len());
        file.write_all(one.as_bytes()).unwrap();
        file.write_all(other.as_bytes()).unwrap();
        written.store(n, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(1));
        if n % ROWS == 0 {
            fs::rename(&path, rotated(files)).unwrap();
            file = OpenOptions::new().append(true).create(true).open(&path).unwrap();
            if files > 2 {
                compress(&rotated(files - 2));
            }
            files += 1;
        }
    }
    files
}

/// Ends the writer when it is dropped, also by a failed assertion, which otherwise waits for the writer.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Waits until the topic has this many committed rows.
#[track_caller]
fn wait_for(topic: &str, rows: usize) {
    let mut sent = 0;
    for _ in 0..300 {
        sent = log::committed(&bootstrap_servers(), topic).len();
        if sent >= rows {
            return;
        }
        thread::sleep(Duration::from_millis(200));
    }
    panic!("{sent} of {rows} rows");
}

/// Compresses a file as gzip does.
fn compress(path: &Path) {
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    let compressed = File::create(path.with_file_name(format!("{}.gz", path.file_name().unwrap().to_str().unwrap()))).unwrap();
    let mut encoder = flate2::write::GzEncoder::new(compressed, flate2::Compression::fast());
    encoder.write_all(&fs::read(path).unwrap()).unwrap();
    encoder.finish().unwrap().set_modified(modified).unwrap();
    fs::remove_file(path).unwrap();
}

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn a_followed_file_is_sent_exactly_once_whenever_the_command_is_killed_and_the_file_is_replaced() {
    let topic = topic("followed", 3, &[]);
    let folder = Folder::new();
    let config = folder.file(
        "follow.toml",
        format!(
            "topic = \"{topic}\"\n[producer]\nbootstrap.servers = \"{}\"\ntransactional.id = \"{topic}\"\nlinger.ms = 5\n[input]\n\
             path = \"app.log\"\nfollow = true\npoll_ms = 20\nrotate_wait_ms = 50\n[checkpoint]\ntopic = \"{topic}-checkpoints\"\n\
             interval.ms = 50\n",
            bootstrap_servers()
        ),
    );
    let start = || command(arguments!["produce", "-c", config, "--report", "json"]).spawn().unwrap();
    // A first run begins with the file that is there, so there is a checkpoint before the file is replaced.
    folder.file("app.log", "1\n");
    let mut first = start();
    wait_for(&topic, 1);
    first.kill().unwrap();
    first.wait().unwrap();
    let (written, is_done) = (AtomicUsize::new(1), AtomicBool::new(false));
    let number = |value: &String| value.trim_end().split(' ').next().unwrap().parse::<usize>().unwrap();
    thread::scope(|threads| {
        let writer = threads.spawn(|| write(&folder.path(""), &written, &is_done));
        let writing = End(&is_done);
        println!("kill | after ms | continued at line | rows written | files replaced");
        for kill in 1..=10 {
            let begun = Instant::now();
            let mut child = start();
            thread::sleep(Duration::from_secs(4).mul_f64(fastrand::f64()));
            let after = begun.elapsed().as_millis();
            assert!(child.try_wait().unwrap().is_none(), "{:?}", child.wait_with_output().unwrap());
            child.kill().unwrap();
            let told = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
            let line = told.split_once("continues at line ").and_then(|(_, rest)| rest.split(',').next()).unwrap_or("-");
            let rows = written.load(Ordering::Relaxed);
            println!("{kill:>4} | {after:>8} | {line:>17} | {rows:>12} | {:>14}", rows / ROWS);
            eprintln!("{told}");
        }
        let child = start();
        thread::sleep(Duration::from_secs(2));
        drop(writing);
        let files = writer.join().unwrap();
        let rows = written.load(Ordering::Relaxed);
        wait_for(&topic, rows);
        std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        end(child).with(0);
        let mut all: Vec<usize> = Vec::new();
        for (partition, values) in log::committed_by_partition(&bootstrap_servers(), &topic) {
            let numbers: Vec<usize> = values.iter().map(number).collect();
            let wrong: Vec<_> = numbers.windows(2).filter(|pair| pair[0] >= pair[1]).collect();
            assert!(wrong.is_empty(), "partition {partition} is not in order, first here: {:?}", wrong[0]);
            all.extend(numbers);
        }
        all.sort_unstable();
        assert_eq!(all, (1..=rows).collect::<Vec<_>>());
        println!("{rows} rows of {files} files, each exactly once, in order within their partitions");
    });
}

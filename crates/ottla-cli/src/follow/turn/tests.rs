//! Files that are written, renamed, compressed and truncated while they are followed.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Parser as _;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::{
    args::{Arguments, Command},
    checkpoint::Reached,
    file_identity::FileIdentity,
    follow::{
        MAX_FINISHED,
        watcher::{Found, Scanner},
    },
    input::Step,
    inputs::InputPath,
    monitoring::{RunProgress, WaitingFile},
    plan::Plan,
    progress::Progress,
    report::{Destination, Report},
};

/// A folder, and what a followed run has read in it.
struct Run {
    folder: TempDir,
    plan: Plan,
    totals: Arc<RunTotals>,
}

impl Run {
    fn new(pattern: &str, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pattern = folder.path().join(pattern).display().to_string();
        let arguments = ["ottla", "produce", "-b", "localhost:9", "-t", "orders", "--follow", "--input", &pattern];
        let arguments: Vec<&str> = arguments.iter().chain(more).copied().collect();
        Self::of(folder, &arguments)
    }

    /// A run that writes a checkpoint file.
    fn with_checkpoints(pattern: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("orders.toml");
        let text = format!(
            "topic = \"orders\"\n[producer]\nbootstrap.servers = \"localhost:9\"\n[input]\nfollow = true\npath = \"{pattern}\"\n\
             [checkpoint]\nfile = \"orders.ckpt\"\n"
        );
        fs::write(&config, text).unwrap();
        Self::of(folder, &["ottla", "produce", "-c", config.to_str().unwrap()])
    }

    fn of(folder: TempDir, arguments: &[&str]) -> Self {
        let arguments = Arguments::parse_from(arguments);
        let Command::Produce(arguments) = arguments.command else { panic!() };
        let mut plan = Plan::new(&arguments).unwrap();
        plan.input.settings.follow.rotate_wait = Duration::ZERO;
        let report = Report::new(Destination::default(), false, std::iter::empty());
        let totals = RunTotals::new(report, None, Progress::start(None, false), None, false, false);
        Self { folder, plan, totals }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn followed(&self) -> Following<'_> {
        let (paths, settings) = self.plan.follow().unwrap();
        let scanner = Scanner::new(paths.to_vec(), Vec::new());
        let followed = Followed::new(&self.plan, settings, Found::default(), None);
        let checkpoints = Checkpoints::open(&self.plan, None).unwrap();
        Following { followed, scanner, totals: &self.totals, checkpoints, read: Vec::new() }
    }
}

struct Following<'a> {
    followed: Followed<'a>,
    scanner: Scanner,
    totals: &'a RunTotals,
    checkpoints: Option<Checkpoints>,
    /// The rows with the names of their inputs.
    read: Vec<(String, String)>,
}

impl Following<'_> {
    fn scan(&mut self) {
        let found = self.scanner.scan();
        assert_eq!(found.errors, []);
        self.followed.first.files.extend(found.files);
        self.followed.admit(&mut self.checkpoints, self.totals).unwrap();
    }

    /// A turn for each input. Returns whether there may be more to do.
    fn turns(&mut self, rows: u64) -> bool {
        let mut has_more = false;
        for index in 0..self.followed.inputs.len() {
            has_more |= self.turn(index, rows);
        }
        has_more
    }

    /// A turn, as in a transaction: what is reached is noted at once.
    fn turn(&mut self, index: usize, rows: u64) -> bool {
        let has_more = self.read_turn(index, rows);
        let reached = self.followed.take_reached();
        if let Some(checkpoints) = &mut self.checkpoints {
            reached.into_iter().for_each(|reached| checkpoints.reach(reached));
        }
        has_more
    }

    fn read_turn(&mut self, index: usize, rows: u64) -> bool {
        match self.followed.prepare(index, &mut self.checkpoints, self.totals).map_err(|_| "the run ended").unwrap() {
            Prepared::Nothing => return false,
            Prepared::Changed => return true,
            Prepared::Opened | Prepared::Open => {}
        }
        let input = &mut self.followed.inputs[index];
        let name = input.path.file_name().unwrap().to_str().unwrap().to_owned();
        let open = &mut input.open.as_mut().unwrap().input;
        let mut ended = Ok(Rows::Turn);
        for _ in 0..rows {
            match open.next() {
                Ok(Step::Row(row)) => {
                    self.read.push((name.clone(), String::from_utf8(row.value.unwrap().to_vec()).unwrap()));
                    continue;
                }
                Ok(Step::Bad(error)) => panic!("{error}"),
                Ok(Step::End | Step::Layout) => ended = Ok(Rows::All),
                Ok(Step::Wait) => ended = Ok(Rows::Waiting),
                Err(error) => ended = Err(Stop::Broken(error)),
            }
            break;
        }
        let open = self.followed.inputs[index].open.as_ref().unwrap();
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.reach(Reached { input: open.id, position: open.input.position() });
        }
        self.followed.conclude(index, ended, &mut self.checkpoints, self.totals).map_err(|_| "the run ended").unwrap()
    }

    /// Ends the run, which writes its positions.
    fn end(mut self) {
        self.checkpoints.as_mut().unwrap().write().unwrap();
    }

    /// Scans and reads until there is nothing more to do.
    fn read_all(&mut self) -> Vec<(String, String)> {
        self.scan();
        while self.turns(1000) {}
        std::mem::take(&mut self.read)
    }

    fn rows(&mut self) -> Vec<String> {
        self.read_all().into_iter().map(|(_, row)| row).collect()
    }
}

fn append(path: &Path, text: &str) {
    OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_file_that_is_replaced_is_read_to_its_end_before_the_new_one() {
    let run = Run::new("a.log", &[]);
    let mut following = run.followed();
    following.followed.settings.rotate_wait = Duration::from_secs(3600);
    assert_eq!(following.rows(), [""; 0], "there is no file yet");
    append(&run.at("a.log"), "1\n2\n3");
    assert_eq!(following.rows(), ["1", "2"]);
    let mut writer = OpenOptions::new().append(true).open(run.at("a.log")).unwrap();
    fs::rename(run.at("a.log"), run.at("a.log.1")).unwrap();
    assert_eq!(following.rows(), [""; 0], "the path is missing for a while");
    writer.write_all(b"3\n4\n").unwrap();
    assert_eq!(following.rows(), ["33", "4"]);
    append(&run.at("a.log"), "5\n");
    following.scan();
    // The old file gets more rows after the new one has appeared.
    writer.write_all(b"4b\n4c").unwrap();
    assert_eq!(following.rows(), ["4b"]);
    following.followed.settings.rotate_wait = Duration::ZERO;
    assert_eq!(following.rows(), ["4c", "5"], "the last line may lack its end");
}

#[test]
fn files_are_kept_open_while_they_are_replaced_again_and_again() {
    let run = Run::new("a.log", &[]);
    let mut following = run.followed();
    for n in 0..5 {
        append(&run.at("a.log"), &format!("{n}\n"));
        following.scan();
        fs::remove_file(run.at("a.log")).unwrap();
    }
    assert_eq!(following.rows(), ["0", "1", "2", "3", "4"]);
}

#[test]
fn a_truncated_file_is_read_from_its_beginning() {
    let run = Run::new("a.log", &[]);
    let mut following = run.followed();
    append(&run.at("a.log"), "1\n2\n");
    assert_eq!(following.rows(), ["1", "2"]);
    File::create(run.at("a.log")).unwrap();
    assert_eq!(following.rows(), [""; 0]);
    append(&run.at("a.log"), "3\n");
    assert_eq!(following.rows(), ["3"]);
    fs::write(run.at("a.log"), "4\n5\n6\n").unwrap();
    assert_eq!(following.rows(), ["4", "5", "6"], "it is longer than before");
}

#[test]
fn each_csv_file_has_its_header_and_rows_of_several_lines() {
    let run = Run::new("a.csv", &[]);
    let mut following = run.followed();
    append(&run.at("a.csv"), "id,na");
    assert_eq!(following.rows(), [""; 0]);
    append(&run.at("a.csv"), "me\n1,\"a\n");
    assert_eq!(following.rows(), [""; 0], "the quote is open");
    append(&run.at("a.csv"), "b\"\n2,c\n");
    assert_eq!(following.rows(), [r#"{"id":"1","name":"a\nb"}"#, r#"{"id":"2","name":"c"}"#]);
    fs::rename(run.at("a.csv"), run.at("a.csv.1")).unwrap();
    append(&run.at("a.csv"), "name,id\nd,3\n");
    assert_eq!(following.rows(), [r#"{"name":"d","id":"3"}"#]);
}

#[test]
fn a_renamed_or_compressed_file_of_the_pattern_is_not_read_again() {
    let run = Run::new("a.log*", &["--format", "lines"]);
    let mut following = run.followed();
    let rows = |name: &str, rows: &[&str]| rows.iter().map(|row| (name.to_owned(), (*row).to_owned())).collect::<Vec<_>>();
    append(&run.at("a.log"), "1\n2\n");
    assert_eq!(following.read_all(), rows("a.log", &["1", "2"]));
    fs::rename(run.at("a.log"), run.at("a.log.1")).unwrap();
    append(&run.at("a.log"), "3\n");
    assert_eq!(following.read_all(), rows("a.log", &["3"]));
    fs::write(run.at("a.log.2.gz"), gzip(b"1\n2\n")).unwrap();
    fs::remove_file(run.at("a.log.1")).unwrap();
    assert_eq!(following.read_all(), []);
    fs::write(run.at("a.log.3.gz"), gzip(b"1\n2\n2b\n")).unwrap();
    assert_eq!(following.read_all(), rows("a.log.3.gz", &["1", "2", "2b"]), "another file, although it begins alike");
    fs::rename(run.at("a.log.3.gz"), run.at("a.log.4.gz")).unwrap();
    append(&run.at("a.log"), "4\n");
    assert_eq!(following.read_all(), rows("a.log", &["4"]));
}

#[test]
fn a_file_that_is_renamed_before_it_is_admitted_is_read_once() {
    let run = Run::new("a.log*", &["--format", "lines"]);
    let mut following = run.followed();
    append(&run.at("a.log"), "1\n");
    let first = following.scanner.scan();
    following.followed.first.files.extend(first.files);
    fs::rename(run.at("a.log"), run.at("a.log.1")).unwrap();
    append(&run.at("a.log"), "2\n");
    assert_eq!(following.rows(), ["1", "2"]);
    assert_eq!(following.followed.inputs.len(), 1);
}

#[test]
fn a_compressed_file_is_left_out_while_its_original_is_not_read_yet() {
    let run = Run::new("a.log*", &["--format", "lines"]);
    let mut following = run.followed();
    let backlog = "1\n".repeat(5000);
    append(&run.at("a.log"), &backlog);
    following.scan();
    fs::remove_file(run.at("a.log")).unwrap();
    append(&run.at("a.log"), "2\n");
    following.scan();
    fs::rename(run.at("a.log"), run.at("a.log.1")).unwrap();
    fs::write(run.at("a.log.1.gz"), gzip(b"2\n")).unwrap();
    fs::remove_file(run.at("a.log.1")).unwrap();
    let rows = following.rows();
    assert_eq!((rows.len(), rows.iter().filter(|row| *row == "2").count()), (5001, 1));
}

#[test]
fn a_busy_file_does_not_delay_the_others() {
    let run = Run::new("*.log", &[]);
    append(&run.at("a.log"), &"a\n".repeat(5000));
    append(&run.at("b.log"), "b\n");
    let mut following = run.followed();
    following.scan();
    following.turns(10);
    assert_eq!(following.read.len(), 11);
}

#[test]
fn a_file_that_cannot_be_read_is_left_out() {
    let run = Run::new("*.csv", &["--key-field", "id"]);
    append(&run.at("a.csv"), "name\nx\n");
    append(&run.at("b.csv"), "id\n1\n");
    let mut following = run.followed();
    assert_eq!(following.rows(), [r#"{"id":"1"}"#]);
    append(&run.at("b.csv"), "2\n");
    assert_eq!(following.rows(), [r#"{"id":"2"}"#]);
    let report = run.totals.interrupted();
    let errors: Vec<&str> = report.input_errors().collect();
    assert!(errors.len() == 1 && errors[0].contains("a.csv: the header has no key column `id`"), "{errors:?}");
}

#[test]
fn a_path_that_cannot_be_scanned_is_an_input_error() {
    let run = Run::new("a.log", &[]);
    let mut following = run.followed();
    following.scanner = Scanner::new(vec![InputPath::new("["), InputPath::new(run.at("a.log"))], Vec::new());
    append(&run.at("a.log"), "1\n");
    following.followed.first = following.scanner.scan();
    assert_eq!(following.rows(), ["1"]);
    let report = run.totals.snapshot();
    let errors: Vec<&str> = report.input_errors().collect();
    assert!(errors.len() == 1 && errors[0].contains("[: invalid pattern"), "{errors:?}");
}

#[test]
fn a_line_that_was_sent_without_its_end_is_not_sent_again_in_parts() {
    for encoding in [false, true] {
        let mut run = Run::new("a.log", &[]);
        run.plan.input.settings.encoding = encoding.then(|| "latin-1".parse().unwrap());
        append(&run.at("a.log"), "1\n2");
        let mut following = run.followed();
        following.scan();
        following.followed.inputs[0].files[0].continue_at(Some(InputPosition::new(3, 2)));
        assert_eq!(following.rows(), [""; 0]);
        append(&run.at("a.log"), "\n");
        assert_eq!(following.rows(), [""; 0]);
        append(&run.at("a.log"), "3\n4");
        assert_eq!(following.rows(), ["3"]);
        // The file is replaced before its line has an end.
        let mut following = run.followed();
        following.scan();
        following.followed.inputs[0].files[0].continue_at(Some(InputPosition::new(7, 4)));
        fs::rename(run.at("a.log"), run.at("a.log.1")).unwrap();
        append(&run.at("a.log"), "5\n");
        assert_eq!(following.rows(), ["5"]);
    }
}

#[test]
fn a_renamed_file_is_followed_while_it_has_another_path_of_the_inputs() {
    let run = Run::new("*.log", &[]);
    let mut following = run.followed();
    append(&run.at("a.part.log"), "1\n");
    assert_eq!(following.rows(), ["1"]);
    fs::rename(run.at("a.part.log"), run.at("a.log")).unwrap();
    assert_eq!(following.rows(), [""; 0]);
    append(&run.at("a.log"), "2\n");
    assert_eq!(following.rows(), ["2"]);
    fs::remove_file(run.at("a.log")).unwrap();
    assert_eq!(following.rows(), [""; 0]);
    assert!(following.followed.inputs[0].files.is_empty(), "the deleted file is closed");
}

#[test]
fn a_file_that_is_renamed_to_another_path_of_the_inputs_is_followed_there_beside_the_new_one() {
    let run = Run::new("*.log", &[]);
    let mut following = run.followed();
    append(&run.at("a.part.log"), "1\n");
    assert_eq!(following.rows(), ["1"]);
    fs::rename(run.at("a.part.log"), run.at("a.log")).unwrap();
    append(&run.at("a.part.log"), "2\n");
    assert_eq!(following.read_all(), [named("a.part.log", "2")]);
    append(&run.at("a.log"), "3\n");
    assert_eq!(following.read_all(), [named("a.log", "3")]);
    // The next one replaces it, which is read to its end first.
    append(&run.at("a.log"), "4\n");
    following.scan();
    fs::rename(run.at("a.part.log"), run.at("a.log")).unwrap();
    append(&run.at("a.part.log"), "5\n");
    let mut rows = following.rows();
    rows.sort();
    assert_eq!(rows, ["4", "5"]);
    append(&run.at("a.log"), "6\n");
    assert_eq!(following.read_all(), [named("a.log", "6")]);
}

/// The name of an input with a row.
fn named(name: &str, row: &str) -> (String, String) {
    (name.to_owned(), row.to_owned())
}

#[test]
fn a_file_that_gets_the_name_of_another_format_is_not_read_on_under_it() {
    for (name, other, header) in
        [("a.log", "a.csv", ""), ("a.log", "a.json", ""), ("a.log", "a.old", ""), ("a.csv", "a.tsv", "id\n")]
    {
        let run = Run::new("*", &[]);
        let mut following = run.followed();
        let row = |n: u32| if header.is_empty() { n.to_string() } else { format!("{{\"id\":\"{n}\"}}") };
        append(&run.at(name), &format!("{header}1\n"));
        assert_eq!(following.rows(), [row(1)]);
        fs::rename(run.at(name), run.at(other)).unwrap();
        append(&run.at(other), "2\n");
        assert_eq!(following.read_all(), [named(name, &row(2))], "while no other file has its path");
        append(&run.at(name), &format!("{header}3\n"));
        assert_eq!(following.read_all(), [named(name, &row(3))]);
        append(&run.at(other), "4\n");
        assert_eq!(following.rows(), [""; 0], "{other}");
    }
}

#[test]
fn files_that_are_renamed_one_after_the_other_do_not_wait_for_each_other() {
    let run = Run::new("*.log*", &["--format", "lines"]);
    let mut following = run.followed();
    let rotate = |names: &[&str], row: &str| {
        for pair in names.windows(2) {
            fs::rename(run.at(pair[1]), run.at(pair[0])).unwrap();
        }
        append(&run.at("a.log"), row);
    };
    append(&run.at("a.log"), "1\n");
    assert_eq!(following.rows(), ["1"]);
    rotate(&["b.log", "a.log"], "2\n");
    assert_eq!(following.rows(), ["2"]);
    rotate(&["c.log", "b.log", "a.log"], "3\n");
    assert_eq!(following.read_all(), [named("a.log", "3")]);
    append(&run.at("c.log"), "1b\n");
    append(&run.at("b.log"), "2b\n");
    let mut rows = following.read_all();
    rows.sort();
    assert_eq!(rows, [named("b.log", "2b"), named("c.log", "1b")]);
    // The oldest one gets the name of a replaced file.
    rotate(&["c.log.1", "c.log", "b.log", "a.log"], "4\n");
    assert_eq!(following.rows(), ["4"]);
    append(&run.at("c.log"), "2c\n");
    assert_eq!(following.read_all(), [named("c.log", "2c")]);
    // The oldest one is deleted.
    rotate(&["c.log", "b.log", "a.log"], "5\n");
    assert_eq!(following.rows(), ["5"]);
    for (name, row) in [("a.log", "5a"), ("b.log", "4b"), ("c.log", "3c")] {
        append(&run.at(name), &format!("{row}\n"));
        assert_eq!(following.read_all(), [named(name, row)]);
    }
}

#[test]
fn the_file_that_is_moved_last_is_read_to_its_end_before_the_one_that_takes_its_path() {
    let run = Run::new("*.log", &[]);
    let mut following = run.followed();
    append(&run.at("a.log"), "a1\n");
    append(&run.at("b.log"), "b1\n");
    assert_eq!(following.rows(), ["a1", "b1"]);
    following.followed.settings.rotate_wait = Duration::from_secs(3600);
    let mut writer = OpenOptions::new().append(true).open(run.at("b.log")).unwrap();
    fs::rename(run.at("b.log"), run.at("b.old")).unwrap();
    fs::rename(run.at("a.log"), run.at("b.log")).unwrap();
    append(&run.at("a.log"), "a2\n");
    assert_eq!(following.rows(), [""; 0], "the file that was `b.log` may grow");
    writer.write_all(b"b2\n").unwrap();
    append(&run.at("b.log"), "a1b\n");
    assert_eq!(following.read_all(), [named("a.log", "a1b"), named("b.log", "b2")]);
    following.followed.settings.rotate_wait = Duration::ZERO;
    append(&run.at("b.log"), "a1c\n");
    assert_eq!(following.read_all(), [named("a.log", "a1c"), named("a.log", "a2")]);
    append(&run.at("b.log"), "a1d\n");
    assert_eq!(following.read_all(), [named("b.log", "a1d")]);
}

#[test]
fn two_files_that_get_the_names_of_each_other_are_read_on_under_them() {
    let run = Run::new("*.log", &[]);
    let mut following = run.followed();
    let swap = || {
        fs::rename(run.at("a.log"), run.at("swapped")).unwrap();
        fs::rename(run.at("b.log"), run.at("a.log")).unwrap();
        fs::rename(run.at("swapped"), run.at("b.log")).unwrap();
    };
    append(&run.at("a.log"), "1\n");
    append(&run.at("b.log"), "2\n");
    assert_eq!(following.rows(), ["1", "2"]);
    swap();
    assert_eq!(following.rows(), [""; 0]);
    append(&run.at("a.log"), "3\n");
    append(&run.at("b.log"), "4\n");
    assert_eq!(following.read_all(), [named("a.log", "3"), named("b.log", "4")]);
    swap();
    append(&run.at("a.log"), "5\n");
    following.scan();
    // Swapped back before their turns.
    swap();
    assert_eq!(following.rows(), ["5"]);
    fs::remove_file(run.at("b.log")).unwrap();
    append(&run.at("b.log"), "6\n");
    assert_eq!(following.read_all(), [named("b.log", "6")]);
}

#[test]
fn files_whose_paths_have_had_other_files_meanwhile_do_not_wait_for_each_other() {
    let run = Run::new("*.log", &[]);
    let mut following = run.followed();
    append(&run.at("a.log"), "1\n");
    append(&run.at("b.log"), "2\n");
    assert_eq!(following.rows(), ["1", "2"]);
    fs::rename(run.at("b.log"), run.at("b.tmp")).unwrap();
    fs::rename(run.at("a.log"), run.at("b.log")).unwrap();
    append(&run.at("a.log"), "3\n");
    following.scan();
    fs::rename(run.at("a.log"), run.at("a.tmp")).unwrap();
    fs::rename(run.at("b.tmp"), run.at("a.log")).unwrap();
    assert_eq!(following.rows(), ["3"]);
    append(&run.at("a.log"), "4\n");
    assert_eq!(following.read_all(), [named("a.log", "4")]);
}

#[test]
fn a_file_that_is_renamed_back_is_followed_as_before() {
    let run = Run::new("*.log", &[]);
    let mut following = run.followed();
    append(&run.at("a.log"), "1\n");
    assert_eq!(following.rows(), ["1"]);
    for n in 2..5 {
        fs::rename(run.at("a.log"), run.at("b.log")).unwrap();
        assert_eq!(following.rows(), [""; 0]);
        fs::rename(run.at("b.log"), run.at("a.log")).unwrap();
        append(&run.at("a.log"), &format!("{n}\n"));
        assert_eq!(following.read_all(), [named("a.log", &n.to_string())]);
    }
    fs::rename(run.at("a.log"), run.at("a.log.1")).unwrap();
    append(&run.at("a.log"), "5\n");
    assert_eq!(following.read_all(), [named("a.log", "5")]);
}

#[test]
fn a_file_with_two_names_is_read_once_and_followed_while_it_has_one_of_them() {
    let run = Run::new("*.log", &[]);
    let mut following = run.followed();
    append(&run.at("a.log"), "1\n");
    fs::hard_link(run.at("a.log"), run.at("b.log")).unwrap();
    assert_eq!(following.rows(), ["1"]);
    fs::remove_file(run.at("a.log")).unwrap();
    append(&run.at("a.log"), "2\n");
    assert_eq!(following.read_all(), [named("a.log", "2")]);
    append(&run.at("b.log"), "3\n");
    assert_eq!(following.read_all(), [named("b.log", "3")]);
}

#[test]
fn a_link_that_gets_another_target_does_not_end_the_file_that_has_a_path_of_its_own() {
    let run = Run::new("*.log", &[]);
    let mut following = run.followed();
    let link = |target: &str| {
        let _ = fs::remove_file(run.at("0.log"));
        std::os::unix::fs::symlink(run.at(target), run.at("0.log")).unwrap();
    };
    append(&run.at("a.log"), "1\n");
    link("a.log");
    assert_eq!(following.read_all(), [named("0.log", "1")]);
    append(&run.at("b.log"), "2\n");
    link("b.log");
    assert_eq!(following.rows(), ["2"]);
    append(&run.at("a.log"), "3\n");
    append(&run.at("b.log"), "4\n");
    let mut rows = following.rows();
    rows.sort();
    assert_eq!(rows, ["3", "4"]);
}

#[test]
fn an_archive_that_is_empty_at_first_is_read_when_it_is_complete() {
    let run = Run::new("*.log*", &["--format", "lines"]);
    let mut following = run.followed();
    File::create(run.at("a.log.gz")).unwrap();
    assert_eq!(following.rows(), [""; 0]);
    fs::write(run.at("a.log.gz"), gzip(b"1\n")).unwrap();
    assert_eq!(following.rows(), ["1"]);
}

#[test]
fn a_file_that_is_renamed_and_compressed_after_it_was_opened_keeps_its_place_in_the_order() {
    let run = Run::with_checkpoints("a.log");
    append(&run.at("a.log"), "1\n");
    let mut following = run.followed();
    assert_eq!(following.rows(), ["1"]);
    following.end();
    let pause = || std::thread::sleep(Duration::from_millis(20));
    let replace = |name: &str, row: &str| {
        fs::rename(run.at("a.log"), run.at(name)).unwrap();
        pause();
        append(&run.at("a.log"), row);
    };
    append(&run.at("a.log"), "1b\n");
    replace("a.log.1", "2\n");
    // The next run finds the second file, and begins to read after two more rotations.
    let mut following = run.followed();
    let found = following.scanner.scan();
    following.followed.first.files.extend(found.files);
    replace("a.log.2", "3\n");
    let modified = fs::metadata(run.at("a.log.2")).unwrap().modified().unwrap();
    fs::write(run.at("a.log.2.gz"), gzip(b"2\n")).unwrap();
    OpenOptions::new().append(true).open(run.at("a.log.2.gz")).unwrap().set_modified(modified).unwrap();
    fs::remove_file(run.at("a.log.2")).unwrap();
    replace("a.log.3", "4\n");
    assert_eq!(following.rows(), ["1b", "2", "3", "4"]);
}

#[test]
fn the_metrics_remember_as_many_finished_files_as_the_run_does() {
    let run = Run::new("*.log", &[]);
    let mut following = run.followed();
    let progress = RunProgress::new(Arc::default(), None);
    following.followed.report_to(&progress);
    let file = |name: &str| {
        append(&run.at(name), "1\n");
        let file = File::open(run.at(name)).unwrap();
        let identity = FileIdentity::of_file(&file).unwrap();
        FollowedFile::new(run.at(name), Tail::new(Arc::new(file), Arc::default()), identity)
    };
    let (first, later) = (file("a.log"), file("b.log"));
    let identity = first.identity();
    progress.wait_for(move || vec![WaitingFile { name: "a.log".to_owned(), identity, size: 2 }]);
    following.followed.remember(FinishedFile::of(&first).unwrap());
    for n in 0..MAX_FINISHED {
        assert!(progress.waiting().is_empty(), "after {n} other files");
        following.followed.remember(FinishedFile::of(&later).unwrap());
    }
    assert_eq!(progress.waiting().len(), 1);
    assert_eq!(following.followed.finished.len(), MAX_FINISHED);
}

/// What happens to one of three files.
#[derive(Debug, Clone)]
enum Event {
    /// A part of a line, or several lines.
    Append(usize, u8, bool),
    /// The file is renamed, and its writer keeps it until it opens the new file.
    Rename(usize),
    Reopen(usize),
    Scan,
    Read(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let file = 0..3_usize;
    prop_oneof![
        4 => (file.clone(), 0..5_u8, any::<bool>()).prop_map(|(file, lines, is_cut)| Event::Append(file, lines, is_cut)),
        1 => file.clone().prop_map(Event::Rename),
        1 => file.prop_map(Event::Reopen),
        2 => Just(Event::Scan),
        2 => (1..6_u64).prop_map(Event::Read),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn each_line_is_read_once_and_in_order_whenever_files_are_written_and_renamed(
        events in proptest::collection::vec(event(), 0..80)
    ) {
        let run = Run::new("*.log", &[]);
        let mut following = run.followed();
        let name = |file: usize| format!("{file}.log");
        let mut writers: HashMap<usize, File> = HashMap::new();
        let mut written = [0, 0, 0];
        let (mut renamed, mut is_seen) = (0, [true, true, true]);
        let mut is_open_line = [false; 3];
        for event in events {
            match event {
                Event::Append(file, lines, is_cut) => {
                    let writer = writers.entry(file).or_insert_with(|| {
                        is_seen[file] = false;
                        OpenOptions::new().append(true).create(true).open(run.at(&name(file))).unwrap()
                    });
                    let mut text = String::new();
                    if std::mem::take(&mut is_open_line[file]) {
                        text.push_str("end\n");
                    }
                    for _ in 0..lines {
                        text.push_str(&format!("{}-end\n", written[file]));
                        written[file] += 1;
                    }
                    if is_cut {
                        text.push_str(&format!("{}-", written[file]));
                        written[file] += 1;
                        is_open_line[file] = true;
                    }
                    writer.write_all(text.as_bytes()).unwrap();
                }
                // A file that is renamed before a scan has seen it is lost, as documented.
                Event::Rename(file) if is_seen[file] => {
                    renamed += 1;
                    let _ = fs::rename(run.at(&name(file)), run.at(&format!("{renamed}.old")));
                }
                Event::Reopen(file) => {
                    // The writer completes its line first.
                    if let (Some(mut writer), true) = (writers.remove(&file), is_open_line[file]) {
                        writer.write_all(b"end\n").unwrap();
                        is_open_line[file] = false;
                    }
                    if !is_seen[file] {
                        following.scan();
                        is_seen = [true; 3];
                    }
                }
                Event::Rename(_) => {}
                Event::Scan => {
                    following.scan();
                    is_seen = [true; 3];
                }
                Event::Read(rows) => {
                    // A writer that still has the renamed file may complete a line later, so that its file is not ended here.
                    if writers.keys().all(|file| is_at(&run, *file, &writers)) {
                        following.turns(rows);
                    }
                }
            }
        }
        for (file, mut writer) in writers {
            if is_open_line[file] {
                writer.write_all(b"end\n").unwrap();
            }
        }
        following.scan();
        while following.turns(7) {}
        for (file, written) in written.into_iter().enumerate() {
            let rows: Vec<_> = following.read.iter().filter(|(input, _)| *input == name(file)).map(|(_, row)| row.clone()).collect();
            let wanted: Vec<_> = (0..written).map(|n| format!("{n}-end")).collect();
            prop_assert_eq!(rows, wanted);
        }
    }
}

/// Whether a writer's file is the one at its path.
fn is_at(run: &Run, file: usize, writers: &HashMap<usize, File>) -> bool {
    FileIdentity::of_file(&writers[&file]) == FileIdentity::of_path(&run.at(&format!("{file}.log")))
}

#[test]
fn paths_without_a_file_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| InputPath::new(folder.path().join(name));
    File::create(folder.path().join("a.log")).unwrap();
    let scanner = Scanner::new(vec![at("a.log"), at("b.log"), at("*.txt"), at("*.log")], Vec::new());
    let missing: Vec<String> = scanner.missing().iter().map(|name| name.rsplit('/').next().unwrap().to_owned()).collect();
    assert_eq!(missing, ["b.log", "*.txt"]);
}

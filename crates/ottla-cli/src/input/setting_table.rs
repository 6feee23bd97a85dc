//! [`INPUT_SETTINGS`]: the settings of the table `[input]`, with their meanings.

use super::Format;

/// A setting of the table `[input]`.
pub(crate) struct InputSetting {
    pub(crate) name: &'static str,
    /// The formats that it applies to.
    formats: &'static [Format],
    /// The default, as shown to users.
    pub(crate) default: &'static str,
    /// What it sets, and its values.
    pub(crate) meaning: &'static str,
}

use Format::{Avro, Csv, Json, Jsonl, Lines, Record};

const fn setting(name: &'static str, formats: &'static [Format], default: &'static str, meaning: &'static str) -> InputSetting {
    InputSetting { name, formats, default, meaning }
}

const ALL: &[Format] = &Format::ALL;

/// The formats of files that may grow.
const OF_LINES: &[Format] = &[Lines, Jsonl, Csv, Record];

/// All settings of the table, in the order of the documentation.
pub(crate) const INPUT_SETTINGS: [InputSetting; 24] = [
    setting(
        "path",
        ALL,
        "stdin if it is a pipe or a file",
        "A file, a folder, a pattern such as `data/*.csv`, `-` for stdin, or a list of these; relative to the configuration file. They are read in this order, the files of a folder or a pattern sorted by name.",
    ),
    setting(
        "format",
        ALL,
        "by the file's name; `lines` for stdin",
        "`lines`, `jsonl` (a JSON object per line), `json` (objects that span lines, one after the other or in arrays), `csv`, `avro` (a container file), or `record` (what `ottla consume --format record` writes).",
    ),
    setting(
        "key",
        &[Jsonl, Json, Csv, Avro],
        "none: keys are null",
        "The column or JSON field to take keys from. In JSON `customer.id` or `/customer/id` is a field of a field.",
    ),
    setting(
        "encoding",
        &[Lines, Jsonl, Json, Csv, Record],
        "UTF-8 for CSV and JSON; lines are sent as they are",
        "`utf-8`, `utf-16` (with a byte order mark, or little-endian), `utf-16le`, `utf-16be`, `latin-1` or `windows-1252`. The records are sent as UTF-8. A row with bytes that are not valid in the encoding is a dead letter.",
    ),
    setting(
        "follow",
        OF_LINES,
        "`false`",
        "Whether to read on at the end of the files until Ctrl-C or SIGTERM: what is appended, files that replace them (rotation), and new files of a folder or a pattern.",
    ),
    setting("poll_ms", OF_LINES, "`250`", "With `follow`: how often the files are looked at, in milliseconds."),
    setting(
        "rotate_wait_ms",
        OF_LINES,
        "`5000`",
        "With `follow`: how long a file that was replaced must not have grown before it counts as complete, in milliseconds. The file that replaced it is read after that.",
    ),
    setting(
        "delimiter",
        &[Csv],
        "`,`; a tab for `.tsv` and `.tab`",
        "The character between fields, such as `;`, `|` or `\\t` for a tab.",
    ),
    setting(
        "quote",
        &[Csv],
        "`\"`",
        "The character around fields. A doubled quote is part of the text. Empty: no character quotes.",
    ),
    setting(
        "escape",
        &[Csv],
        "none",
        "The character before a delimiter, line end, quote or escape that is part of the text, such as `\\`.",
    ),
    setting("comment", &[Csv], "none", "The character at the beginning of lines to skip, such as `#`."),
    setting(
        "header",
        &[Csv],
        "`true`",
        "`true`: the first row names the columns. `false`: the columns are `column1`, `column2`, .. A list: the names of the columns, and the first row is a record.",
    ),
    setting(
        "skip_lines",
        &[Csv],
        "`0`",
        "The number of lines to skip before the header, or before the first row if there is no header.",
    ),
    setting(
        "null",
        &[Csv],
        "none",
        "The text that means null, or a table with a text for each column, where `\"*\"` is every other column. With `escape`, `\\N` is a field with this escape outside of quotes.",
    ),
    setting(
        "quoted_null",
        &[Csv],
        "`true`",
        "Whether a quoted field can be null. With `false` and `null = \"\"`, an empty field is null and `\"\"` is an empty text.",
    ),
    setting(
        "parse_key",
        &[Lines],
        "`false`",
        "Whether a line has a key before its value. This setting and the following have the names and defaults of `kafka-console-producer`.",
    ),
    setting("key_separator", &[Lines], "a tab, `\\t`", "The text between key and value."),
    setting("parse_headers", &[Lines], "`false`", "Whether a line begins with headers, such as `source:web,trace:7`."),
    setting("headers_delimiter", &[Lines], "a tab, `\\t`", "The text between the headers and the rest."),
    setting(
        "headers_separator",
        &[Lines],
        "`,`",
        "The text between two headers. It is not a regular expression, as it is in Java.",
    ),
    setting("headers_key_separator", &[Lines], "`:`", "The text between the name and the value of a header."),
    setting(
        "null_marker",
        &[Lines],
        "none",
        "The text that means null as key, value or value of a header, and no headers in place of all headers.",
    ),
    setting(
        "ignore_error",
        &[Lines],
        "`false`",
        "With `true`, a line without a separator has no headers, no key, or a header without a value. With `false` it is a dead letter.",
    ),
    setting(
        "keep",
        &[Record],
        "`partition`",
        "What a record keeps beside key, value, headers and timestamp: `partition`, `topic`, both in a list, or `none`. Without `partition` the partitioner chooses it. With `topic`, `topics` of `[record]` lists the topics that are allowed.",
    ),
];

impl InputSetting {
    /// Finds the setting by a name in a file; `null.x` is `null` for the column `x`.
    pub(crate) fn of_name(name: &str) -> Option<&'static Self> {
        let name = if name.starts_with("null.") { "null" } else { name };
        INPUT_SETTINGS.iter().find(|setting| setting.name == name)
    }

    /// Whether it applies to the format.
    pub(crate) fn applies_to(&self, format: Format) -> bool {
        self.formats.contains(&format)
    }

    /// The formats that it applies to, for messages; `None` if it applies to all.
    pub(crate) fn formats(&self) -> Option<String> {
        let names: Vec<String> = self.formats.iter().map(ToString::to_string).collect();
        let (last, before) = names.split_last().filter(|_| self.formats.len() < ALL.len())?;
        Some(if before.is_empty() { last.clone() } else { format!("{} and {last}", before.join(", ")) })
    }
}

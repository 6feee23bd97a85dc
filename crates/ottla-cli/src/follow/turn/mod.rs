//! What comes before and after the rows of a turn: opening, finishing and beginning again.

use std::{io, os::unix::fs::FileExt as _, sync::Arc};

use crate::{
    checkpoint::Checkpoints,
    exit::chain,
    input::{Format, Input, InputError, InputOptions, InputPosition, ResumeError},
    inputs::OpenInput,
    plan::NOT_JSON,
    record::RecordMapper,
    run_totals::RunTotals,
    sender::{End, Rows, Stop},
};

use super::{
    Followed,
    file::{FinishedFile, FollowedFile},
    moving::Move,
    tail::{Tail, Truncated},
};

/// What a turn can do.
pub(super) enum Prepared {
    /// Wait.
    Nothing,
    /// Take another turn: a file was finished.
    Changed,
    /// Read rows of a file that was opened now.
    Opened,
    /// Read rows.
    Open,
}

/// The result of opening a file.
enum Opened {
    Ready(Box<OpenInput>),
    /// Its beginning is not complete.
    NotYet,
    /// It is complete and has no row.
    Empty,
}

impl Followed<'_> {
    /// Opens the first file of a path, if it is not open.
    ///
    /// # Errors
    /// The run ends.
    pub(super) fn prepare(
        &mut self,
        index: usize,
        checkpoints: &mut Option<Checkpoints>,
        totals: &RunTotals,
    ) -> Result<Prepared, End> {
        if self.inputs[index].open.is_some() {
            return Ok(Prepared::Open);
        }
        let settings = self.settings;
        let Some(file) = self.inputs[index].files.front_mut() else { return Ok(Prepared::Nothing) };
        if file.is_compressed() {
            // Before that, the program that compresses it may not be done.
            if !file.is_unchanged(settings) {
                return Ok(Prepared::Nothing);
            }
            let file = &self.inputs[index].files[0];
            if file.position().is_none() && self.tell_if_copy(file, totals) {
                self.note_copy(index, checkpoints);
                self.finish(index, None, checkpoints, totals);
                return Ok(Prepared::Changed);
            }
        }
        let file = &self.inputs[index].files[0];
        let is_waiting = file.position().is_some() && file.is_waiting();
        let is_taken = self.is_taken(index);
        let opened = if is_waiting { Ok(Opened::NotYet) } else { self.open(index, checkpoints, totals) };
        Ok(match opened {
            Ok(Opened::Ready(mut open)) => {
                open.source = totals.begin_input(index, open.input.letter_source());
                self.inputs[index].open = Some(*open);
                Prepared::Opened
            }
            Ok(Opened::NotYet) => {
                self.inputs[index].files[0].note_waiting();
                if self.end_if_complete(index, checkpoints, totals)? { Prepared::Changed } else { Prepared::Nothing }
            }
            // The program that compresses it may not have begun.
            Ok(Opened::Empty)
                if self.inputs[index].files[0].is_compressed() && !self.inputs[index].is_complete(is_taken, settings) =>
            {
                Prepared::Nothing
            }
            Ok(Opened::Empty) => {
                self.finish(index, None, checkpoints, totals);
                Prepared::Changed
            }
            // The rows after a position must not be left out.
            Err(error) if self.inputs[index].files[0].position().is_some() => {
                return Err(broken(error, totals));
            }
            Err(error) => {
                self.finish(index, Some(error), checkpoints, totals);
                Prepared::Changed
            }
        })
    }

    /// Handles the end of a turn. Returns whether there may be more to do at once.
    ///
    /// # Errors
    /// The run ends.
    pub(super) fn conclude(
        &mut self,
        index: usize,
        ended: Result<Rows, Stop>,
        checkpoints: &mut Option<Checkpoints>,
        totals: &RunTotals,
    ) -> Result<bool, End> {
        let input = &self.inputs[index];
        if let (Some(file), Some(open)) = (input.files.front(), &input.open) {
            file.note_read(&open.input);
        }
        match ended {
            Ok(Rows::Turn | Rows::Enough) => Ok(true),
            Ok(Rows::Waiting) => self.end_if_complete(index, checkpoints, totals),
            Ok(Rows::All) => {
                self.finish(index, None, checkpoints, totals);
                Ok(true)
            }
            Err(Stop::Broken(error)) if is_truncated(&error) => {
                self.begin_again(index, checkpoints, totals);
                Ok(true)
            }
            Err(stop) => {
                let error = stop.of_one_input()?;
                self.finish(index, Some(error), checkpoints, totals);
                Ok(true)
            }
        }
    }

    /// Opens the first file of a path at its position.
    fn open(&self, index: usize, checkpoints: &mut Option<Checkpoints>, totals: &RunTotals) -> Result<Opened, String> {
        let input = &self.inputs[index];
        let Some(file) = input.files.front() else { return Ok(Opened::NotYet) };
        let options = self.plan.options_of_followed(&input.path, file.path());
        if options.format == Some(Format::Json) {
            return Err(format!("{}: {NOT_JSON}", options.name()));
        }
        let tail = file.tail();
        tail.restart();
        let mut read = match Input::read(Box::new(tail.clone()), &options) {
            Ok(read) => read,
            Err(error) if is_waiting(&error) || is_truncated(&error) => return Ok(Opened::NotYet),
            Err(_) if tail.has_ended() && tail.size().is_ok_and(|size| size == 0) => return Ok(Opened::Empty),
            Err(error) => return Err(chain(&error)),
        };
        if let Some(position) = file.position() {
            if !continue_at(&mut read, file, position, &options)
                .map_err(|error| format!("{}: {}", options.name(), chain(&error)))?
            {
                return Ok(Opened::NotYet);
            }
        }
        read.warning().iter().for_each(|warning| totals.tell(warning));
        let mapper = RecordMapper::new(&self.plan.record, &mut read).map_err(|failure| failure.text())?;
        if let Some(position) = file.position() {
            totals.continue_input(index, position);
            totals.tell(&format!("{}: continues at line {}, byte {}", options.name(), position.line, position.offset));
        }
        if let Some(checkpoints) = checkpoints {
            let offset = tail.clone();
            checkpoints.open_followed(file.id(), &input.path, tail.file(), move || offset.offset(), &read, &options)?;
        }
        let (id, partitions) = (file.id(), Arc::clone(&self.partitions));
        let mut open = OpenInput { index, id, input: read, mapper, partitions, file: None, source: None, reached: None };
        open.set_partitions();
        Ok(Opened::Ready(Box::new(open)))
    }

    /// Ends reading the first file of a path, which is complete or broken.
    fn finish(&mut self, index: usize, error: Option<String>, checkpoints: &mut Option<Checkpoints>, totals: &RunTotals) {
        let new = self.take_id();
        let input = &mut self.inputs[index];
        let open = input.open.take();
        let Some(file) = input.files.pop_front() else { return };
        if let Some(checkpoints) = checkpoints {
            let complete = open.as_ref().filter(|_| error.is_none()).and_then(|open| {
                let size = if file.is_compressed() { file.tail().size().ok()? } else { file.tail().offset() };
                checkpoints.complete(file.id(), new, file.other_path().unwrap_or(file.path()), open.input.position(), size)
            });
            self.reached.push(complete.unwrap_or_else(|| checkpoints.release(file.id(), new)));
        }
        if let Some(error) = &error {
            totals.tell(error);
        }
        totals.end_input(index, error);
        // A file that cannot be read again is not found again either.
        if let Ok(finished) = FinishedFile::of(&file) {
            self.remember(finished);
        }
    }

    /// Later runs do not read the first file of a path either, which is a copy of another one.
    fn note_copy(&mut self, index: usize, checkpoints: &mut Option<Checkpoints>) {
        let new = self.take_id();
        let Some((checkpoints, file)) = checkpoints.as_mut().zip(self.inputs[index].files.front()) else { return };
        let path = file.other_path().unwrap_or(file.path());
        self.reached.extend(checkpoints.complete_copy(file.id(), new, path, file.tail().file()));
    }

    /// Begins again with a file that was truncated.
    fn begin_again(&mut self, index: usize, checkpoints: &mut Option<Checkpoints>, totals: &RunTotals) {
        let id = self.take_id();
        let input = &mut self.inputs[index];
        input.open = None;
        let Some(file) = input.files.front_mut() else { return };
        totals.tell(&format!(
            "warning: {}: was truncated or replaced in place, and is read from its beginning; rows that were not read before are missing",
            InputOptions::name_of(file.path())
        ));
        if let Some(checkpoints) = checkpoints {
            self.reached.extend(checkpoints.begin_again(file.id(), id));
        }
        file.set_id(id);
        file.continue_at(None);
    }

    /// Ends the first file of a path if nothing more is expected in it, or moves it to the path of the inputs that it has now. Returns whether
    /// that was done now.
    ///
    /// # Errors
    /// The run ends.
    fn end_if_complete(&mut self, index: usize, checkpoints: &mut Option<Checkpoints>, totals: &RunTotals) -> Result<bool, End> {
        if self.path_of_renamed(index).is_some() {
            match self.move_first(index, checkpoints, totals).map_err(|error| broken(error, totals))? {
                Move::Moved => return Ok(true),
                Move::Waits => return Ok(false),
                Move::Impossible => {}
            }
        }
        let (is_taken, settings) = (self.is_taken(index), self.settings);
        let input = &mut self.inputs[index];
        let is_complete = input.is_complete(is_taken, settings);
        let Some(file) = input.files.front().filter(|file| is_complete && !file.tail().has_ended()) else { return Ok(false) };
        file.tail().end();
        Ok(true)
    }
}

/// The end of a run that would leave out rows, which is told.
fn broken(error: String, totals: &RunTotals) -> End {
    totals.tell(&error);
    End::Broken(vec![error])
}

/// Continues at a position, whose byte before may be the end of a line that was not complete. Returns whether that is possible now.
fn continue_at(
    input: &mut Input,
    file: &FollowedFile,
    position: InputPosition,
    options: &InputOptions,
) -> Result<bool, ResumeError> {
    let tail = file.tail();
    if tail.has_ended() {
        return input.resume(tail.clone(), position, options).map(|()| true);
    }
    if !input.is_plain() {
        return match input.resume(tail.clone(), position, options) {
            Err(ResumeError::Read { source, .. }) if source.kind() == io::ErrorKind::WouldBlock => Ok(false),
            continued => continued.map(|()| true),
        };
    }
    if is_line_end_missing(tail, position.offset, input.format()) {
        return Ok(false);
    }
    tail.end();
    let continued = input.resume(tail.clone(), position, options);
    tail.follow();
    continued.map(|()| true)
}

/// Whether the last line before an offset has no line end, and none may be known from the bytes after it.
fn is_line_end_missing(tail: &Tail, offset: u64, format: Format) -> bool {
    let mut bytes = [0; 3];
    // What cannot be read is reported by reading on.
    let length = tail.file().read_at(&mut bytes, offset.saturating_sub(1)).unwrap_or(0);
    match &bytes[..length] {
        [b'\n'] => false,
        [b'\r'] => format != Format::Csv,
        [_] | [_, b'\r'] => true,
        _ => false,
    }
}

fn is_waiting(error: &InputError) -> bool {
    error.read_error().is_some_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

fn is_truncated(error: &InputError) -> bool {
    error.read_error().and_then(io::Error::get_ref).is_some_and(|error| error.is::<Truncated>())
}

#[cfg(test)]
mod tests;

//! Sends the rows of files that are followed.

use crate::{
    args::ProduceArguments,
    checkpoint::Checkpoints,
    sender::{End, Reading, Sender},
    transactions::Transactions,
};

use super::{Followed, turn::Prepared};

/// How many rows of one path are sent before the next path has its turn.
const TURN: u64 = 1000;

impl Sender<'_> {
    /// Sends the rows of all files as they are written, until the run is interrupted or `--limit` is reached. A file that cannot be read further
    /// is left out, and the others are read on.
    pub(crate) fn send_followed(
        &self,
        followed: &mut Followed<'_>,
        arguments: &ProduceArguments,
        transactions: &mut Option<Transactions<'_>>,
        checkpoints: &mut Option<Checkpoints>,
    ) -> End {
        let mut reading = Reading::new(arguments, self.totals);
        while reading.left > 0 && !self.interrupt.is_pressed() {
            if let Err(error) = followed.admit(checkpoints, self.totals) {
                self.totals.tell(&error);
                return End::Broken(vec![error]);
            }
            let mut has_more = false;
            for index in 0..followed.inputs.len() {
                if reading.left == 0 || self.interrupt.is_pressed() {
                    break;
                }
                match self.take_turn(followed, index, &mut reading, transactions, checkpoints) {
                    Ok(more) => has_more |= more,
                    // The normal end.
                    Err(End::Interrupted) => return End::Read,
                    Err(end) => return end,
                }
            }
            if let Err(end) = self.save_if_due(transactions, checkpoints) {
                return end;
            }
            if !has_more {
                self.interrupt.sleep(followed.settings.poll);
            }
        }
        End::Read
    }

    /// Writes the positions and commits the transaction if that is due, also without another row.
    fn save_if_due(&self, transactions: &mut Option<Transactions<'_>>, checkpoints: &mut Option<Checkpoints>) -> Result<(), End> {
        if let Some(reason) = self.totals.ended() {
            return Err(End::Stopped(reason));
        }
        match (transactions, checkpoints) {
            (Some(transactions), checkpoints) => {
                transactions.commit_if_due(checkpoints).map_err(|reason| self.uncommitted(reason))
            }
            (None, Some(checkpoints)) if checkpoints.is_due() => {
                let is_settled = self.totals.is_settled();
                self.write_positions(checkpoints).map_err(End::Stopped)?;
                if is_settled {
                    checkpoints.note_saved();
                }
                Ok(())
            }
            (None, _) => Ok(()),
        }
    }

    /// Sends rows of the first file of a path. Returns whether there may be more to do at once.
    fn take_turn(
        &self,
        followed: &mut Followed<'_>,
        index: usize,
        reading: &mut Reading,
        transactions: &mut Option<Transactions<'_>>,
        checkpoints: &mut Option<Checkpoints>,
    ) -> Result<bool, End> {
        let has_more = self.send_turn(followed, index, reading, transactions, checkpoints);
        for reached in followed.take_reached() {
            match checkpoints {
                Some(checkpoints) if transactions.is_some() => checkpoints.reach(reached),
                Some(_) => self.totals.end_segment(0, reached),
                None => {}
            }
        }
        has_more
    }

    fn send_turn(
        &self,
        followed: &mut Followed<'_>,
        index: usize,
        reading: &mut Reading,
        transactions: &mut Option<Transactions<'_>>,
        checkpoints: &mut Option<Checkpoints>,
    ) -> Result<bool, End> {
        match followed.prepare(index, checkpoints, self.totals)? {
            Prepared::Nothing => return Ok(false),
            Prepared::Changed => return Ok(true),
            Prepared::Opened => {
                if let Some(open) = &mut followed.inputs[index].open {
                    self.reach(open, transactions.is_some(), checkpoints);
                }
            }
            Prepared::Open => {}
        }
        let read = followed.counter();
        let Some(open) = &mut followed.inputs[index].open else { return Ok(false) };
        let ended = self.send_rows(open, reading, transactions, checkpoints, TURN, &read);
        followed.conclude(index, ended, checkpoints, self.totals)
    }
}

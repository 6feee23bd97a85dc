//! [`CallFailure`]: why a transaction call failed, and the error of its callers.

use super::{failure::Failure, open::closed, request::Call, transactions::Transactions};
use crate::{Error, ErrorKind, native::TransactionRefused};

/// Why a call failed.
pub(super) enum CallFailure {
    Native(TransactionRefused),
    OutOfOrder(&'static str),
    /// The transaction or the producer has failed, perhaps without librdkafka knowing.
    Failed(Failure),
}

/// `None`: the call was given up.
pub(super) type CallOutcome = Option<Result<(), CallFailure>>;

/// The error of a call that was given up.
pub(super) fn given_up(transactions: &Transactions, call: &Call) -> Error {
    if let Some(broken) = transactions.broken() {
        return broken.error();
    }
    match call {
        Call::Commit(_) => {
            let message = "the producer was closed during the commit: the transaction may or may not be committed";
            Error::new(ErrorKind::Closed, message)
        }
        Call::SendOffsets(..) if !transactions.lock().is_closing() => {
            Error::new(ErrorKind::TransactionState, "send_offsets: the transaction is being aborted")
        }
        _ => closed(),
    }
}

impl CallFailure {
    pub(super) fn error(&self, call: &Call) -> Error {
        let name = call.name();
        match self {
            Self::Native(refused) => Error::from_transaction(refused, name),
            Self::OutOfOrder(why) => Error::new(ErrorKind::TransactionState, format!("{name}: {why}")),
            Self::Failed(failure) => failure.error(),
        }
    }
}

pub(super) fn out_of_order(why: &'static str) -> CallOutcome {
    Some(Err(CallFailure::OutOfOrder(why)))
}

pub(super) fn failed(failure: Failure) -> CallOutcome {
    Some(Err(CallFailure::Failed(failure)))
}

//! `--metrics`: serves a run's metrics for Prometheus, and whether the run is healthy.

mod address;
mod catalog;
mod health;
mod progress;
mod server;
mod text;

use std::sync::{Arc, Mutex};

pub(crate) use address::{MetricsAddress, with_host};
pub(crate) use progress::{FileProgress, RunProgress, WaitingFile};

use ottla::Producer;

use crate::{exit::Failure, lock::lock, message, run_totals::RunTotals};
use health::Health;

/// The server of a run's metrics, which runs until the process ends.
#[derive(Clone)]
pub(crate) struct Monitoring(Arc<State>);

struct State {
    /// `None` until the run is connected.
    run: Mutex<Option<Run>>,
    health: Mutex<Health>,
}

/// What is measured.
#[derive(Clone)]
struct Run {
    producer: Producer<[u8], [u8]>,
    totals: Arc<RunTotals>,
    progress: Arc<RunProgress>,
}

impl Monitoring {
    /// Starts the server. Until [`measure`](Self::measure) the run is not healthy.
    ///
    /// # Errors
    /// The address cannot be used.
    pub(crate) fn serve(address: MetricsAddress) -> Result<Self, Failure> {
        let monitoring = Self(Arc::new(State { run: Mutex::default(), health: Mutex::default() }));
        let served = server::serve(address, monitoring.clone())?;
        if !served.ip().is_loopback() {
            message::tell(format_args!("warning: other hosts can read the metrics at {served}, without a password"));
        }
        message::tell(format_args!("metrics at http://{served}/metrics, health at http://{served}/healthz"));
        Ok(monitoring)
    }

    /// From now on the run is measured.
    pub(crate) fn measure(&self, producer: &Producer<[u8], [u8]>, totals: &Arc<RunTotals>, progress: &Arc<RunProgress>) {
        let run = Run { producer: producer.clone(), totals: Arc::clone(totals), progress: Arc::clone(progress) };
        *lock(&self.0.run) = Some(run);
    }

    /// The run ends: its producer is not held any longer.
    pub(crate) fn end(&self) {
        lock(&self.0.run).take();
    }

    fn run(&self) -> Option<Run> {
        lock(&self.0.run).clone()
    }

    /// The metrics in Prometheus' text format.
    fn metrics(&self) -> String {
        let reason = self.unhealthy();
        match self.run() {
            Some(run) => text::metrics(&run, reason.is_none()),
            None => text::before_the_run(),
        }
    }

    /// Why the run is not healthy; `None` if it is.
    fn unhealthy(&self) -> Option<String> {
        let Some(run) = self.run() else { return Some("not connected to the brokers, or ending".to_owned()) };
        lock(&self.0.health).check(&run)
    }
}

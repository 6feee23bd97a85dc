//! One file a client.

pub(crate) mod c_loop;
mod ottla;
pub(crate) mod ottla_batch;
pub(crate) mod ottla_callback;
pub(crate) mod ottla_future;
mod rdkafka;
pub(crate) mod rdkafka_future;
pub(crate) mod rdkafka_threaded;

use anyhow::{Result, bail};
use bench_workload::Workload;
use tokio::runtime::{Builder, Runtime};

/// The runtime of the clients that await futures.
fn runtime() -> Result<Runtime> {
    Ok(Builder::new_multi_thread().worker_threads(1).enable_time().build()?)
}

fn unsupported<T>(workload: Workload) -> Result<T> {
    bail!("this client has no {workload:?}")
}

//! The models of the queues in a producer.

mod buffer_memory;
mod deferrals;
mod outstanding;

/// The preemption bound: with a higher one a model would take hours.
fn model(preemptions: usize, run: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(run);
}

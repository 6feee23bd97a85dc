//! The models of what waits in a producer.

mod deferrals;
mod outstanding;
mod buffer_memory;

/// Tries the interleavings with so many preemptions: with more a model would take hours.
fn model(preemptions: usize, run: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(run);
}

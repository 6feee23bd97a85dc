//! [`ThreadPool`]: the thread pool for blocking requests to a registry. Threads exit when the queue is empty.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use crate::panic::{contain, emit};

/// The most threads, and so concurrent requests. More than one, so that a request without a response does not block the others.
const MOST: usize = 8;

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
pub(super) struct ThreadPool(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    running: usize,
}

impl ThreadPool {
    /// Runs the job on a thread. Drops the job if no thread can be started.
    pub(super) fn run(self: &Arc<Self>, job: impl FnOnce() + Send + 'static) {
        let mut queue = self.lock();
        queue.jobs.push_back(Box::new(job));
        if queue.running == MOST {
            return;
        }
        queue.running += 1;
        drop(queue);
        let pool = Arc::clone(self);
        let spawned = thread::Builder::new().name("ottla-registry".to_owned()).spawn(move || pool.work());
        if let Err(error) = spawned {
            emit!(warn, %error, "could not start a thread for a request to the schema registry");
            let mut queue = self.lock();
            queue.running -= 1;
            // A running thread takes the job.
            let lost = if queue.running == 0 { queue.jobs.pop_back() } else { None };
            drop(queue);
            drop(lost);
        }
    }

    fn work(&self) {
        loop {
            let job = {
                let mut queue = self.lock();
                match queue.jobs.pop_front() {
                    Some(job) => job,
                    None => {
                        queue.running -= 1;
                        return;
                    }
                }
            };
            // The job wakes tasks, and wakers are user code that may panic.
            if let Err(panic) = contain(job) {
                emit!(error, %panic, "a request to the schema registry panicked");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The search: runs cases from seeds for some time. When one fails, searches for a smaller failing case.

use std::{
    env, panic,
    sync::{
        Arc, Mutex, OnceLock,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::{machine::Machine, profile::Profile, step::Case, user_code::lock};

/// The number of profiles that share the time.
const PROFILES: u32 = 12;

/// The current step and its start, for the watchdog.
pub(super) struct Progress(Mutex<(String, Instant)>);

impl Progress {
    pub(super) fn note(&self, what: String) {
        if env::var_os("OTTLA_TEST_STATE_TRACE").is_some() {
            eprintln!("{what}");
        }
        *lock(&self.0) = (what, Instant::now());
    }

    /// Records the progress of the step.
    pub(super) fn add(&self, what: &str) {
        let (step, since) = &mut *lock(&self.0);
        step.push_str(": ");
        step.push_str(what);
        *since = Instant::now();
    }
}

/// A number from an environment variable.
fn number(name: &str) -> Option<u64> {
    let value = env::var(name).ok().filter(|value| !value.is_empty())?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name}={value}: must be a number")))
}

/// The seed of the first case: `OTTLA_TEST_STATE_SEED`, or one from the clock.
fn first_seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| {
        let clock = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        number("OTTLA_TEST_STATE_SEED").unwrap_or_else(clock)
    })
}

/// Runs cases of a profile for its share of `OTTLA_TEST_STATE_SECONDS`, at least one.
pub(super) fn search(profile: Profile) {
    let name = format!("{profile:?}");
    if env::var("OTTLA_TEST_STATE_ONLY").is_ok_and(|only| !only.is_empty() && !only.split(',').any(|one| one == name)) {
        return;
    }
    let share = Duration::from_secs(number("OTTLA_TEST_STATE_SECONDS").unwrap_or(20)) / PROFILES;
    // The timeout of a step. All timeouts of the profiles are much shorter.
    let patience = Duration::from_secs(number("OTTLA_TEST_STATE_PATIENCE").unwrap_or(60));
    let begun = Instant::now();
    let (mut cases, mut steps) = (0, 0);
    for seed in first_seed().. {
        let mut tree = tree(profile, seed);
        let case = tree.current();
        steps += case.steps.len();
        cases += 1;
        if let Err(what) = run(profile, &case, patience) {
            let (case, what) = shrink(profile, &mut tree, (case, what), patience);
            panic!("{}", report(profile, seed, &case, &what));
        }
        if begun.elapsed() >= share {
            break;
        }
    }
    println!("{name}: {cases} cases, {steps} steps from OTTLA_TEST_STATE_SEED={} in {:?}", first_seed(), begun.elapsed());
}

fn tree(profile: Profile, seed: u64) -> impl ValueTree<Value = Case> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    profile.cases().new_tree(&mut TestRunner::new_with_rng(Config::default(), rng)).unwrap()
}

/// Searches for a smaller failing case for some time.
fn shrink(
    profile: Profile,
    tree: &mut impl ValueTree<Value = Case>,
    mut failed: (Case, String),
    patience: Duration,
) -> (Case, String) {
    let end = Instant::now() + Duration::from_secs(number("OTTLA_TEST_STATE_SHRINK").unwrap_or(120));
    let mut moved = tree.simplify();
    while moved && Instant::now() < end {
        let case = tree.current();
        moved = match run(profile, &case, patience) {
            Err(what) => {
                failed = (case, what);
                tree.simplify()
            }
            Ok(()) => tree.complicate(),
        };
    }
    failed
}

/// Runs a case on its own thread, so that a hanging one can be abandoned.
fn run(profile: Profile, case: &Case, patience: Duration) -> Result<(), String> {
    let progress = Arc::new(Progress(Mutex::new((String::new(), Instant::now()))));
    let (sender, receiver) = mpsc::channel();
    let (noted, case) = (Arc::clone(&progress), case.clone());
    thread::spawn(move || {
        let ran = panic::catch_unwind(panic::AssertUnwindSafe(|| Machine::new(profile, case.settings, noted).run(&case)));
        let _ = sender.send(ran.unwrap_or_else(|payload| {
            let text = payload.downcast_ref::<String>().cloned();
            let text = text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(format!("panic: {}", text.unwrap_or_default()))
        }));
    });
    loop {
        match receiver.recv_timeout(Duration::from_millis(200)) {
            Ok(ran) => return ran.map_err(|what| format!("{what} (at {})", lock(&progress.0).0)),
            Err(RecvTimeoutError::Disconnected) => return Err("the thread of the case has ended".to_owned()),
            Err(RecvTimeoutError::Timeout) => {
                let (step, since) = &*lock(&progress.0);
                if since.elapsed() > patience {
                    return Err(format!("timeout after {patience:?}: {step}"));
                }
            }
        }
    }
}

fn report(profile: Profile, seed: u64, case: &Case, what: &str) -> String {
    let steps: Vec<String> = case.steps.iter().enumerate().map(|(index, step)| format!("  {index}: {step:?}")).collect();
    format!(
        "{what}\nOTTLA_TEST_STATE_ONLY={profile:?} OTTLA_TEST_STATE_SEED={seed}; shrunk to {:?}\n{}",
        case.settings,
        steps.join("\n")
    )
}

//! The profiles: which steps a case has, and how often. A defect can hide others, so each kind of step has its own profile, with a few of the
//! other steps.

use ottla::testing::{ApiKey, BrokerError};
use proptest::{collection::vec, prelude::*, strategy::Union};

use super::step::{ABSENT, Callback, Case, CloseTime, Fault, How, Place, Release, Settings, Spec, Step, Then, Topic, Value, Way};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Profile {
    /// All ways to send, with a healthy broker.
    Sending,
    /// A small `buffer.memory`, and slow or absent brokers: waiting, timeouts, withdrawn sends.
    Memory,
    /// Batches linger for longer than any sender may wait.
    Linger,
    Deferred,
    /// Callbacks, serializers, interceptors and partitioners that panic and send.
    UserCode,
    /// User values that panic in their drop.
    Bombs,
    /// Callbacks that block while a producer is closed or dropped.
    Blocking,
    /// Wakers that run their task, which sends, flushes and closes.
    Inline,
    Faults,
    Transaction,
    TransactionFaults,
    Ending,
}

pub(super) const APIS: [ApiKey; 7] = [
    ApiKey::Produce,
    ApiKey::InitProducerId,
    ApiKey::AddPartitionsToTxn,
    ApiKey::AddOffsetsToTxn,
    ApiKey::TxnOffsetCommit,
    ApiKey::EndTxn,
    ApiKey::FindCoordinator,
];

pub(super) const ERRORS: [BrokerError; 34] = [
    BrokerError::UNKNOWN_SERVER_ERROR,
    BrokerError::CORRUPT_MESSAGE,
    BrokerError::UNKNOWN_TOPIC_OR_PARTITION,
    BrokerError::LEADER_NOT_AVAILABLE,
    BrokerError::NOT_LEADER_OR_FOLLOWER,
    BrokerError::REQUEST_TIMED_OUT,
    BrokerError::MESSAGE_TOO_LARGE,
    BrokerError::NETWORK_EXCEPTION,
    BrokerError::COORDINATOR_LOAD_IN_PROGRESS,
    BrokerError::COORDINATOR_NOT_AVAILABLE,
    BrokerError::NOT_COORDINATOR,
    BrokerError::INVALID_TOPIC_EXCEPTION,
    BrokerError::RECORD_LIST_TOO_LARGE,
    BrokerError::NOT_ENOUGH_REPLICAS,
    BrokerError::TOPIC_AUTHORIZATION_FAILED,
    BrokerError::GROUP_AUTHORIZATION_FAILED,
    BrokerError::CLUSTER_AUTHORIZATION_FAILED,
    BrokerError::INVALID_TIMESTAMP,
    BrokerError::POLICY_VIOLATION,
    BrokerError::OUT_OF_ORDER_SEQUENCE_NUMBER,
    BrokerError::INVALID_PRODUCER_EPOCH,
    BrokerError::INVALID_TXN_STATE,
    BrokerError::INVALID_PRODUCER_ID_MAPPING,
    BrokerError::CONCURRENT_TRANSACTIONS,
    BrokerError::TRANSACTION_COORDINATOR_FENCED,
    BrokerError::TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    BrokerError::KAFKA_STORAGE_ERROR,
    BrokerError::UNKNOWN_PRODUCER_ID,
    BrokerError::INVALID_RECORD,
    BrokerError::PRODUCER_FENCED,
    BrokerError::TRANSACTION_ABORTABLE,
    BrokerError::UNKNOWN_MEMBER_ID,
    BrokerError::ILLEGAL_GENERATION,
    BrokerError::DISCONNECT,
];

type Weighted = Vec<(u32, BoxedStrategy<Step>)>;

impl Profile {
    pub(super) fn cases(self) -> BoxedStrategy<Case> {
        let steps = self.steps();
        let length = match self {
            Self::Faults | Self::TransactionFaults | Self::Linger => 4..14,
            Self::Memory => 4..10,
            _ => 4..30,
        };
        (self.settings(), self.beginning(), vec(Union::new_weighted(steps), length))
            .prop_map(|(settings, beginning, steps)| Case { settings, steps: [beginning, steps].concat() })
            .boxed()
    }

    /// Whether the broker never fails, so that no record may fail because of it.
    pub(super) fn is_healthy(self) -> bool {
        !matches!(self, Self::Memory | Self::Faults | Self::TransactionFaults | Self::Ending)
    }

    /// The first steps of a case, to reach the interesting states.
    fn beginning(self) -> BoxedStrategy<Vec<Step>> {
        let spec = |size| Spec { topic: Topic::Orders, place: Place::Keyless, size, value: Value::Plain, bad_timestamp: false };
        match self {
            // The broker is down, and there is room for small records only.
            Self::Memory => (4000..9000usize, prop::bool::weighted(0.8))
                .prop_map(move |(size, is_down)| {
                    let fill = Step::Send(Way::TryForget, spec(size));
                    if is_down { vec![Step::Fault(Fault::Down), fill] } else { vec![fill] }
                })
                .boxed(),
            Self::Transaction | Self::TransactionFaults => Just(vec![Step::Begin]).boxed(),
            _ => Just(Vec::new()).boxed(),
        }
    }

    fn settings(self) -> BoxedStrategy<Settings> {
        let base = Settings {
            buffer_memory: 1_000_000,
            max_block_ms: 20_000,
            delivery_timeout_ms: 60_000,
            linger_ms: 0,
            transactional: false,
            observed: true,
            may_defer: false,
            partitioner: false,
            drop_timeout_ms: 20_000,
        };
        let settings = match self {
            // A record for a missing partition waits this long.
            Self::Sending => Settings { max_block_ms: 1_000, ..base },
            Self::Memory => Settings { buffer_memory: 12_000, max_block_ms: 250, delivery_timeout_ms: 900, ..base },
            // Longer than the test.
            Self::Linger => {
                Settings { buffer_memory: 12_000, max_block_ms: 10_000, linger_ms: 200_000, delivery_timeout_ms: 900_000, ..base }
            }
            Self::Deferred => Settings { buffer_memory: 20_000, max_block_ms: 5_000, may_defer: true, ..base },
            Self::UserCode => Settings { buffer_memory: 20_000, partitioner: true, may_defer: true, ..base },
            Self::Bombs => Settings { may_defer: true, ..base },
            Self::Blocking => Settings { drop_timeout_ms: 200, ..base },
            Self::Inline => Settings { buffer_memory: 8_000, max_block_ms: 5_000, may_defer: true, ..base },
            Self::Faults => Settings { max_block_ms: 300, delivery_timeout_ms: 900, ..base },
            Self::Transaction => {
                Settings { buffer_memory: 12_000, max_block_ms: 5_000, transactional: true, may_defer: true, ..base }
            }
            Self::TransactionFaults => Settings { max_block_ms: 400, delivery_timeout_ms: 900, transactional: true, ..base },
            Self::Ending => Settings { may_defer: true, max_block_ms: 500, delivery_timeout_ms: 2_000, ..base },
        };
        let drop_timeouts = match self {
            Self::Ending => prop_oneof![Just(0), Just(50), Just(u64::MAX)].boxed(),
            _ => Just(settings.drop_timeout_ms).boxed(),
        };
        let transactional = if self == Self::Ending { any::<bool>().boxed() } else { Just(settings.transactional).boxed() };
        let observed = if self == Self::Sending { any::<bool>().boxed() } else { Just(true).boxed() };
        (drop_timeouts, transactional, observed)
            .prop_map(move |(drop_timeout_ms, transactional, observed)| Settings {
                drop_timeout_ms,
                transactional,
                observed,
                ..settings
            })
            .boxed()
    }

    fn steps(self) -> Weighted {
        let pick = || 0..64usize;
        let mut steps: Weighted = vec![
            (6, self.send()),
            (1, pick().prop_map(Step::Poll).boxed()),
            (2, pick().prop_map(Step::Await).boxed()),
            (1, pick().prop_map(Step::Cancel).boxed()),
            (1, Just(Step::Clone).boxed()),
            (1, Just(Step::DropHandle).boxed()),
        ];
        let hows = || prop_oneof![Just(How::Await), Just(How::Start)];
        let releases = || {
            prop_oneof![
                4 => Just(Release::Finishes),
                1 => Just(Release::Rejects),
                1 => Just(Release::Panics),
                1 => Just(Release::FinishPanics),
            ]
        };
        let release = || (pick(), releases()).prop_map(|(n, release)| Step::Release(n, release)).boxed();
        let closes = || {
            (hows(), prop_oneof![Just(CloseTime::Zero), Just(CloseTime::Short), Just(CloseTime::Long), Just(CloseTime::Max)])
                .prop_map(|(how, time)| Step::Close(how, time))
                .boxed()
        };
        let transaction = || -> Weighted {
            vec![
                (4, Just(Step::Begin).boxed()),
                (2, hows().prop_map(Step::Commit).boxed()),
                (1, hows().prop_map(Step::Abort).boxed()),
                (1, Just(Step::DropTransaction).boxed()),
                (1, Just(Step::SendOffsets).boxed()),
                (2, Just(Step::CommitByFlags).boxed()),
            ]
        };
        match self {
            Self::Sending => {
                steps.push((1, vec(self.spec(), 1..40).prop_map(Step::SendAll).boxed()));
                steps.push((1, self.spec().prop_map(Step::SinkSend).boxed()));
                steps.push((1, Just(Step::SinkFlush).boxed()));
                steps.push((1, Just(Step::SinkClose).boxed()));
                steps.push((1, hows().prop_map(Step::Flush).boxed()));
                steps.push((1, closes()));
            }
            Self::Memory => {
                steps.push((6, self.send()));
                steps.push((5, (30..90u64).prop_map(Step::Pause).boxed()));
                steps.push((1, Just(Step::Fault(Fault::Down)).boxed()));
                steps.push((1, Just(Step::Heal).boxed()));
                steps.push((1, vec(self.spec(), 1..6).prop_map(Step::SendAll).boxed()));
            }
            Self::Linger => {
                steps.push((1, self.spec().prop_map(Step::SinkSend).boxed()));
                steps.push((1, Just(Step::SinkFlush).boxed()));
                steps.push((1, Just(Step::SinkClose).boxed()));
                steps.push((1, Just(Step::Flush(How::Await)).boxed()));
            }
            Self::Deferred => {
                steps.push((2, release()));
                steps.push((4, releases().prop_map(Step::ReleaseAll).boxed()));
                steps.push((1, hows().prop_map(Step::Flush).boxed()));
            }
            Self::UserCode => {
                steps.push((2, release()));
                steps.push((1, hows().prop_map(Step::Flush).boxed()));
                steps.push((1, vec(self.spec(), 1..10).prop_map(Step::SendAll).boxed()));
            }
            Self::Bombs => {
                steps.push((2, release()));
                steps.push((1, hows().prop_map(Step::Flush).boxed()));
            }
            Self::Blocking => {
                steps.push((1, Just(Step::Unblock).boxed()));
                steps.push((2, closes()));
                steps.push((1, Just(Step::DropAll).boxed()));
            }
            Self::Inline => {
                let thens = || {
                    prop_oneof![
                        Just(Then::Nothing),
                        Just(Then::TrySends),
                        Just(Then::Sends),
                        Just(Then::Flushes),
                        Just(Then::Closes),
                        Just(Then::Panics)
                    ]
                };
                steps.push((6, (self.spec(), thens()).prop_map(|(spec, then)| Step::Run(spec, then)).boxed()));
                steps.push((3, thens().prop_map(|then| Step::Flush(How::Inline(then))).boxed()));
                steps.push((1, thens().prop_map(|then| Step::Close(How::Inline(then), CloseTime::Long)).boxed()));
                steps.push((2, release()));
            }
            Self::Faults => {
                steps.push((3, self.fault()));
                steps.push((1, Just(Step::Heal).boxed()));
                steps.push((1, hows().prop_map(Step::Flush).boxed()));
                steps.push((1, closes()));
            }
            Self::Transaction => {
                steps.extend(transaction());
                steps.push((2, release()));
                steps.push((1, hows().prop_map(Step::Flush).boxed()));
            }
            Self::TransactionFaults => {
                steps.extend(transaction());
                steps.push((3, self.fault()));
                steps.push((1, Just(Step::Heal).boxed()));
                steps.push((1, Just(Step::SendOffsetsByFlags).boxed()));
            }
            Self::Ending => {
                steps.push((2, closes()));
                steps.push((2, Just(Step::DropAll).boxed()));
                steps.push((1, Just(Step::Fault(Fault::Down)).boxed()));
                steps.push((1, Just(Step::Heal).boxed()));
                steps.push((1, release()));
                steps.push((1, Just(Step::Begin).boxed()));
                steps.push((1, hows().prop_map(Step::Commit).boxed()));
                steps.push((1, hows().prop_map(Step::Flush).boxed()));
            }
        }
        steps
    }

    fn fault(self) -> BoxedStrategy<Step> {
        let apis = if self == Self::Faults { 0..2usize } else { 0..APIS.len() };
        prop_oneof![
            1 => Just(Fault::Down),
            1 => Just(Fault::Silent),
            1 => (1..300u64).prop_map(Fault::Late),
            6 => (apis, 0..ERRORS.len(), 1..3usize).prop_map(|(api, error, count)| Fault::Errors(api, error, count)),
        ]
        .prop_map(Step::Fault)
        .boxed()
    }

    fn send(self) -> BoxedStrategy<Step> {
        (self.way(), self.spec()).prop_map(|(way, spec)| Step::Send(way, spec)).boxed()
    }

    fn way(self) -> BoxedStrategy<Way> {
        let callbacks = match self {
            Self::UserCode => {
                prop_oneof![Just(Callback::Panics), Just(Callback::TrySends), Just(Callback::Sends), Just(Callback::Handle)]
                    .boxed()
            }
            Self::Bombs => prop_oneof![Just(Callback::Bomb), Just(Callback::Nothing)].boxed(),
            Self::Blocking => prop_oneof![Just(Callback::Blocks), Just(Callback::Nothing)].boxed(),
            _ => Just(Callback::Nothing).boxed(),
        };
        let is_transactional = matches!(self, Self::Transaction | Self::TransactionFaults | Self::Ending);
        let blocks = !matches!(self, Self::Deferred | Self::Transaction | Self::Bombs | Self::UserCode | Self::Inline);
        let callback = if matches!(self, Self::UserCode | Self::Bombs | Self::Blocking) { 6 } else { 1 };
        if self == Self::Linger {
            // A task that awaits a report waits for the linger time, as configured. A sender that waits for the buffer must not.
            let ways = [Way::Forget, Way::Forget, Way::TryForget, Way::Callback(Callback::Nothing), Way::Blocking];
            return prop::sample::select(ways.to_vec()).boxed();
        }
        let mut ways = vec![
            (3, Just(Way::Future).boxed()),
            (1, Just(Way::Forget).boxed()),
            (1, Just(Way::Try).boxed()),
            (1, Just(Way::TryForget).boxed()),
            (callback, callbacks.clone().prop_map(Way::Callback).boxed()),
        ];
        if blocks {
            ways.push((1, Just(Way::Blocking).boxed()));
            ways.push((1, callbacks.prop_map(Way::BlockingCallback).boxed()));
        }
        if is_transactional {
            ways.push((4, Just(Way::Transaction).boxed()));
            ways.push((2, Just(Way::TransactionForget).boxed()));
        }
        Union::new_weighted(ways).boxed()
    }

    fn spec(self) -> BoxedStrategy<Spec> {
        let topics = match self {
            Self::Sending | Self::Transaction => {
                prop_oneof![8 => Just(Topic::Orders), 3 => Just(Topic::Payments), 1 => Just(Topic::Invalid)].boxed()
            }
            Self::Memory | Self::Linger => Just(Topic::Orders).boxed(),
            _ => prop_oneof![4 => Just(Topic::Orders), 1 => Just(Topic::Payments)].boxed(),
        };
        let places = match self {
            Self::Sending => prop_oneof![
                4 => (0..4u8).prop_map(Place::Key),
                4 => (0..3i32).prop_map(Place::Partition),
                2 => Just(Place::Keyless),
                2 => Just(Place::Partition(ABSENT)),
                1 => Just(Place::Partition(-1)),
            ]
            .boxed(),
            // No missing partition: its record would occupy buffer memory for max.block.ms, and others would wait for it.
            Self::Transaction | Self::Inline | Self::Deferred => prop_oneof![
                4 => (0..4u8).prop_map(Place::Key),
                4 => Just(Place::Partition(0)),
                2 => Just(Place::Keyless),
                1 => Just(Place::Partition(-1)),
            ]
            .boxed(),
            Self::UserCode => prop_oneof![(0..4u8).prop_map(Place::Key), Just(Place::Keyless)].boxed(),
            _ => prop_oneof![(0..4u8).prop_map(Place::Key), Just(Place::Keyless)].boxed(),
        };
        let sizes = match self {
            Self::Memory => prop_oneof![10..300usize, 5000..9000usize].boxed(),
            Self::Linger | Self::Transaction | Self::Inline => {
                prop_oneof![3 => 10..300usize, 2 => 1000..2500usize, 2 => 4000..7000usize, 1 => Just(50_000)].boxed()
            }
            Self::Sending => prop_oneof![8 => 10..3000usize, 1 => Just(50_000)].boxed(),
            _ => (10..3000usize).boxed(),
        };
        let values = match self {
            Self::Deferred | Self::Transaction | Self::Inline | Self::Ending => {
                prop_oneof![3 => Just(Value::Plain), 2 => Just(Value::Defers)].boxed()
            }
            Self::Bombs => prop_oneof![Just(Value::Plain), Just(Value::DefersBomb)].boxed(),
            Self::UserCode => prop_oneof![
                4 => Just(Value::Plain),
                1 => Just(Value::Defers),
                1 => Just(Value::SerializerFails),
                1 => Just(Value::SerializerPanics),
                1 => Just(Value::OnSendPanics),
                1 => Just(Value::OnAcknowledgementPanics),
                1 => Just(Value::PartitionerPanics),
                1 => Just(Value::PartitionerErrs),
            ]
            .boxed(),
            _ => Just(Value::Plain).boxed(),
        };
        let timestamps = if self == Self::Sending { prop::bool::weighted(0.05).boxed() } else { Just(false).boxed() };
        (topics, places, sizes, values, timestamps)
            .prop_map(|(topic, place, size, value, bad_timestamp)| Spec { topic, place, size, value, bad_timestamp })
            .boxed()
    }
}

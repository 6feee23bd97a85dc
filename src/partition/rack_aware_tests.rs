//! Tests of rack-aware partitioning (KIP-1123).

use std::{collections::BTreeMap, num::NonZeroU32, sync::Arc, time::Duration};

use super::{BuiltIn, Placing, Queues, Rack, RackLeaders, partition_for};

fn keyless(size: usize, partitions: u32) -> Placing<'static> {
    Placing { key: None, size, queued_size: size, partitions: NonZeroU32::new(partitions).unwrap() }
}

/// Six partitions: 0 and 1 are led by broker 1 in rack a, 2 and 3 by broker 2 in rack b, 4 and 5 by broker 3 without a rack.
fn in_rack(name: &str, queues: Option<Queues>) -> BuiltIn {
    let rack = Arc::new(Rack::new(name.to_owned()));
    rack.set_brokers([(1, "a"), (2, "b"), (3, "")]);
    let leaders = RackLeaders::new(rack);
    assert!(leaders.set(&[1, 1, 2, 2, 3, 3]));
    BuiltIn::new(1, false, queues, Some(leaders))
}

fn both_ways(name: &str) -> [BuiltIn; 2] {
    [in_rack(name, None), in_rack(name, Some(Queues::new(Duration::ZERO)))]
}

/// The partitions of 600 records without a key.
fn drawn(partitioner: &BuiltIn, available: impl Fn(i32) -> bool) -> Vec<i32> {
    let mut shares = BTreeMap::<i32, usize>::new();
    for _ in 0..600 {
        let (partition, counted) = partitioner.place(&keyless(1, 6), &available);
        assert!(counted, "the writer of every record is needed");
        *shares.entry(partition).or_default() += 1;
        partitioner.queues().into_iter().for_each(|queues| queues.remove(partition, 1, true));
    }
    let even = 600 / shares.len();
    assert!(shares.values().all(|share| share.abs_diff(even) < even / 2), "{shares:?}");
    shares.into_keys().collect()
}

#[test]
fn keyless_records_go_to_the_leaders_in_the_rack() {
    for partitioner in both_ways("b") {
        assert_eq!(drawn(&partitioner, |_| true), [2, 3]);
        assert_eq!(drawn(&partitioner, |partition| partition == 0), [2, 3], "librdkafka is connected to another leader only");
        let without = |leaderless: &[i32]| {
            let leader = |partition| if leaderless.contains(&partition) { -1 } else { partition / 2 + 1 };
            assert!(partitioner.leaders().unwrap().set(&(0..6).map(leader).collect::<Vec<_>>()));
            drawn(&partitioner, |partition| !leaderless.contains(&partition))
        };
        assert_eq!(without(&[2]), [3], "one leader is left in the rack");
        assert_eq!(without(&[2, 3]), [0, 1, 4, 5], "no leader is left in it");
        assert_eq!(without(&[0, 1, 2, 3, 4, 5]), [0, 1, 2, 3, 4, 5], "no partition has a leader");
    }
}

#[test]
fn a_rack_without_a_leader_has_no_effect() {
    for partitioner in both_ways("c") {
        assert_eq!(drawn(&partitioner, |_| true), [0, 1, 2, 3, 4, 5]);
    }
}

#[test]
fn moved_leaders_and_added_partitions_change_the_drawn_partitions() {
    for partitioner in both_ways("b") {
        partitioner.leaders().unwrap().set(&[2, 1, 1, 1, 2]);
        assert_eq!(drawn(&partitioner, |_| true), [0, 4], "the leader of the added partition is unknown");
        partitioner.leaders().unwrap().set(&[2, 1, 1, 1, 1, 2]);
        assert_eq!(drawn(&partitioner, |_| true), [0, 5]);
    }
}

#[test]
fn keys_determine_the_partition_in_any_rack() {
    let keyed = Placing { key: Some(b"foobar"), ..keyless(1, 6) };
    for partitioner in both_ways("b") {
        assert_eq!(partitioner.place(&keyed, |_| true).0, partition_for(b"foobar", NonZeroU32::new(6).unwrap()));
    }
}

#[test]
fn short_queues_are_preferred_among_the_leaders_in_the_rack() {
    let partitioner = in_rack("b", Some(Queues::new(Duration::ZERO)));
    partitioner.place(&keyless(1, 6), |_| true);
    assert!(partitioner.count(2, 1_000_000));
    let mut shares = BTreeMap::<i32, usize>::new();
    for _ in 0..600 {
        let (partition, _) = partitioner.place(&keyless(1, 6), |_| true);
        *shares.entry(partition).or_default() += 1;
        partitioner.queues().unwrap().remove(partition, 1, true);
    }
    assert!(shares.keys().all(|partition| [2, 3].contains(partition)), "{shares:?}");
    assert!(shares[&3] > 590, "{shares:?}");
}

#[test]
fn stuck_leaders_in_the_rack_are_left_out_while_others_are_not_stuck() {
    let partitioner = in_rack("b", Some(Queues::new(Duration::from_nanos(1))));
    let place = || partitioner.place(&keyless(1, 6), |_| true).0;
    let mut first: Vec<i32> = (0..6).map(|_| place()).collect();
    first[..2].sort_unstable();
    first[2..].sort_unstable();
    assert_eq!(first, [2, 3, 0, 1, 4, 5], "each is stuck as soon as it has a record");
    assert!([2, 3].contains(&place()), "all are stuck");
}

#[derive(serde::Deserialize)]
struct JavaDraws {
    draws: u32,
    cases: Vec<JavaCase>,
}

#[derive(serde::Deserialize)]
struct JavaCase {
    /// `None` without rack-aware partitioning.
    rack: Option<String>,
    /// The rack of each partition's leader; `None` for no leader.
    racks: Vec<Option<String>>,
    queues: Option<Vec<usize>>,
    drawn: Vec<u32>,
}

#[test]
fn partitions_are_drawn_as_often_as_by_java() {
    let java: JavaDraws = serde_json::from_str(include_str!("../../tests/data/java-rack-aware.json")).unwrap();
    assert_eq!(java.cases.len(), 25);
    for case in java.cases {
        let partitions = u32::try_from(case.racks.len()).unwrap();
        let leaders = case.rack.as_ref().map(|rack| {
            let rack = Arc::new(Rack::new(rack.clone()));
            let brokers = (0..).zip(&case.racks);
            rack.set_brokers(brokers.clone().filter_map(|(id, rack)| Some((id, rack.as_deref()?))));
            let leaders = RackLeaders::new(rack);
            assert!(leaders.set(&brokers.map(|(id, rack)| if rack.is_some() { id } else { -1 }).collect::<Vec<_>>()));
            leaders
        });
        let queues = case.queues.as_ref().map(|_| Queues::new(Duration::ZERO));
        let partitioner = BuiltIn::new(1, false, queues, leaders);
        let available = |partition: i32| case.racks[usize::try_from(partition).unwrap()].is_some();
        let draw = || {
            let (partition, _) = partitioner.place(&keyless(1, partitions), available);
            // Java's draws do not change the queues.
            partitioner.queues().into_iter().for_each(|queues| queues.remove(partition, 1, false));
            usize::try_from(partition).unwrap()
        };
        draw();
        for (partition, batches) in (0..).zip(case.queues.iter().flatten()) {
            // A batch of Java's queues is three of the sticky partitioner's here.
            assert!(partitioner.count(partition, batches * 3));
        }
        let mut drawn = vec![0_u32; case.racks.len()];
        let draws = 20_000;
        (0..draws).for_each(|_| drawn[draw()] += 1);
        let share = |count: u32, of: u32| f64::from(count) / f64::from(of);
        for (ours, java_drawn) in drawn.iter().zip(&case.drawn) {
            let (ours, theirs) = (share(*ours, draws), share(*java_drawn, java.draws));
            assert!((ours == 0.0) == (theirs == 0.0), "{:?}: {drawn:?}, in Java {:?}", case.rack, case.drawn);
            assert!((ours - theirs).abs() < 0.01, "{:?}: {drawn:?}, in Java {:?}", case.rack, case.drawn);
        }
    }
}

//! Brokers that are killed, hang, or have a full disk.

use std::{fs, path::Path, process::Command, thread, time::Duration};

use ottla::{ErrorKind, Producer, ProducerRecord};

use super::stage::{Stage, await_that, recovers};

pub(super) fn leader_killed(stage: &Stage) {
    let topic = "leader-killed";
    let traffic = stage.traffic(topic, stage.config());
    for round in 0..stage.scale.rounds {
        let victim = stage.leader(topic, round as usize);
        stage.kafka.kill(victim);
        recovers(&traffic);
        stage.kafka.restart(victim);
        stage.await_in_sync(topic);
    }
    assert_eq!(stage.settle("leader killed", traffic).failed, 0);
}

pub(super) fn controller_killed(stage: &Stage) {
    let topic = "controller-killed";
    let traffic = stage.traffic(topic, stage.config());
    let victim = stage.kafka.controller();
    stage.kafka.kill(victim);
    recovers(&traffic);
    assert_ne!(stage.kafka.controller(), victim);
    stage.kafka.restart(victim);
    stage.await_in_sync(topic);
    assert_eq!(stage.settle("controller killed", traffic).failed, 0);
}

pub(super) fn two_brokers_down(stage: &Stage) {
    let topic = "two-down";
    let traffic = stage.traffic(topic, stage.config());
    let left = stage.leader(topic, 0);
    let others = Stage::others(left);
    // Cleanly and one after the other: with two of three controllers stopped nobody could remove replicas from the in-sync set.
    others.iter().for_each(|&broker| stage.kafka.stop(broker));
    // A producer without retries gets the error that the others retry.
    let config = stage.config().set("enable.idempotence", "false").unwrap().set("retries", "0").unwrap();
    let impatient: Producer<str, str> = Producer::builder(config).build().unwrap();
    let error = impatient.blocking().send(ProducerRecord::to(topic).partition(0).value("")).unwrap().wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotEnoughReplicas, "{error:?}");
    println!("two brokers down, without retries: {}", crate::account::told(&error));
    let kafka = &stage.kafka;
    thread::scope(|scope| {
        for broker in others {
            scope.spawn(move || kafka.restart(broker));
        }
    });
    recovers(&traffic);
    stage.await_in_sync(topic);
    let row = stage.finish("two brokers down", traffic);
    // A duplicated batch has been observed once. Perhaps its leader had written it when it returned that replicas are missing.
    row.assert_sound_but_for_duplicates();
    assert_eq!(row.failed, 0);
}

pub(super) fn broker_paused(stage: &Stage) {
    let topic = "paused";
    let config = stage.config().set("request.timeout.ms", "1000").unwrap().set("delivery.timeout.ms", "2000").unwrap();
    let traffic = stage.traffic(topic, config);
    let victim = stage.leader(topic, 0);
    stage.kafka.pause(victim);
    await_that("records time out", || traffic.account().failures().contains_key(&ErrorKind::DeliveryTimeout));
    thread::sleep(Duration::from_secs(3));
    stage.kafka.resume(victim);
    recovers(&traffic);
    stage.await_in_sync(topic);
    let row = stage.finish("broker paused", traffic);
    row.assert_sound_but_for_duplicates();
    let kinds: Vec<_> = row.failures.keys().copied().collect();
    assert_eq!(kinds, [ErrorKind::DeliveryTimeout]);
}

/// The broker's files cannot grow any more (`RLIMIT_FSIZE`). Kafka handles the resulting error like a full disk. This needs neither root nor
/// a disk.
pub(super) fn disk_full(stage: &Stage) {
    let topic = "disk-full";
    let traffic = stage.traffic(topic, stage.config());
    let victim = stage.leader(topic, 0);
    let pid = stage.kafka.pid(victim);
    let limited = Command::new("prlimit").args(["--pid", &pid, "--fsize=4096:4096"]).status().unwrap();
    assert!(limited.success());
    await_that("the broker gives up", || !Path::new("/proc").join(&pid).exists() || is_zombie(&pid));
    recovers(&traffic);
    stage.kafka.restart(victim);
    stage.await_in_sync(topic);
    assert_eq!(stage.settle("broker's disk full", traffic).failed, 0);
}

fn is_zombie(pid: &str) -> bool {
    let status = fs::read_to_string(Path::new("/proc").join(pid).join("status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && line.contains('Z'))
}

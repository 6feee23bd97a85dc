//! How much memory a hostile broker takes of a producer.

use ottla::ErrorKind;

use super::{Harm, HostileBroker, answers::suffer};
use crate::own_process::{alone, peak_resident};

#[test]
fn frames_take_the_memory_of_what_comes_and_not_of_what_they_promise() {
    alone("hostile::memory::frames_take_the_memory_of_what_comes_and_not_of_what_they_promise", || {
        // librdkafka takes answers of up to 100 MB (receive.message.max.bytes).
        let promising = HostileBroker::answering(Harm::Length(99_000_000));
        let flooding = HostileBroker::flooding(Harm::Length(i32::MAX), 50_000_000);
        let before = peak_resident();
        suffer("frames of 99 MB", &promising, ErrorKind::DeliveryTimeout);
        suffer("50 MB behind a frame of 2147483647 bytes", &flooding, ErrorKind::DeliveryTimeout);
        let grown = peak_resident() - before;
        println!("RSS grew by {:.1} MB", grown as f64 / 1e6);
        // Less than one of either; clients and threads are in it, and the sender's own 50 MB are not, since they were there before.
        assert!(grown < 40_000_000, "{grown}");
    });
}

//! The memory that a hostile broker can make a producer use.

use ottla::ErrorKind;

use super::{Corruption, HostileBroker, answers::send_to};
use crate::own_process::{alone, peak_resident};

#[test]
fn memory_follows_the_bytes_received_and_not_the_frame_length() {
    alone("hostile::memory::memory_follows_the_bytes_received_and_not_the_frame_length", || {
        // librdkafka accepts responses of up to 100 MB (receive.message.max.bytes).
        let promising = HostileBroker::answering(Corruption::Length(99_000_000));
        let flooding = HostileBroker::flooding(Corruption::Length(i32::MAX), 50_000_000);
        let before = peak_resident();
        send_to("frames of 99 MB", &promising, ErrorKind::DeliveryTimeout);
        send_to("50 MB after a frame of 2147483647 bytes", &flooding, ErrorKind::DeliveryTimeout);
        let grown = peak_resident() - before;
        println!("RSS grew by {:.1} MB", grown as f64 / 1e6);
        // Less than one such frame. It includes clients and threads; the sender's own 50 MB were allocated before.
        assert!(grown < 40_000_000, "{grown}");
    });
}

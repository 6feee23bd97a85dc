//! The memory that a producer uses for a hostile broker's responses.

use ottla::ErrorKind;

use super::{Harm, HostileBroker, answers::suffer};
use crate::own_process::{alone, peak_resident};

#[test]
fn frames_use_memory_for_received_bytes_only() {
    alone("hostile::memory::frames_use_memory_for_received_bytes_only", || {
        // librdkafka accepts responses of up to 100 MB (receive.message.max.bytes).
        let promising = HostileBroker::answering(Harm::Length(99_000_000));
        let flooding = HostileBroker::flooding(Harm::Length(i32::MAX), 50_000_000);
        let before = peak_resident();
        suffer("frames of 99 MB", &promising, ErrorKind::DeliveryTimeout);
        suffer("50 MB behind a frame of 2147483647 bytes", &flooding, ErrorKind::DeliveryTimeout);
        let grown = peak_resident() - before;
        println!("RSS grew by {:.1} MB", grown as f64 / 1e6);
        // Less than one frame of either kind. It includes clients and threads, but not the sender's 50 MB, which were allocated before.
        assert!(grown < 40_000_000, "{grown}");
    });
}

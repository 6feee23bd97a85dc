//! Tier 2: on brokers and a registry inside the process.

mod outage;
mod producer;
mod schemas;

use ottla_test_support::{
    consumer::{self, builder, soon},
    embedded::{config, ends, kafka},
};

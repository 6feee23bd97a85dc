//! Topics: the table `[topic]` of a configuration file, and `ottla topic`.

mod command;
mod creation;
mod description;
mod settings;

pub(crate) use command::run;
pub(crate) use creation::{check_creation, create_topics};
pub(crate) use settings::{NAMES, TopicSettings};

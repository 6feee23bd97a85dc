//! The constructor of a row in the tables of settings.

use super::{Becomes, Check, Range, Setting, Type, Unit};

/// Builder methods for the table.
impl Setting {
    pub(super) const fn new(name: &'static str, kind: Type, doc: &'static str) -> Self {
        Self {
            name,
            kind,
            unit: Unit::None,
            java_range: Range::Any,
            range: Range::Any,
            java_default: None,
            default: None,
            becomes: Becomes::Here,
            librdkafka_default: None,
            secret: matches!(kind, Type::Password),
            doc,
            note: "",
            check: None,
        }
    }

    pub(super) const fn milliseconds(mut self) -> Self {
        self.unit = Unit::Milliseconds;
        self
    }

    pub(super) const fn seconds(mut self) -> Self {
        self.unit = Unit::Seconds;
        self
    }

    pub(super) const fn bytes(mut self) -> Self {
        self.unit = Unit::Bytes;
        self
    }

    pub(super) const fn kibibytes(mut self) -> Self {
        self.unit = Unit::Kibibytes;
        self
    }

    /// Sets the range for Java and ottla.
    pub(super) const fn range_of(mut self, range: Range) -> Self {
        self.java_range = range;
        self.range = range;
        self
    }

    /// Sets ottla's range if it differs from Java's; call it after `range_of`.
    pub(super) const fn here(mut self, range: Range) -> Self {
        self.range = range;
        self
    }

    /// Sets the default for Java and ottla.
    pub(super) const fn default_of(mut self, default: &'static str) -> Self {
        self.java_default = Some(default);
        self.default = Some(default);
        self
    }

    /// Sets Java's default if ottla has none.
    pub(super) const fn java_only_default(mut self, default: &'static str) -> Self {
        self.java_default = Some(default);
        self.default = None;
        self
    }

    /// Sets ottla's default if it differs from Java's; call it after `default_of`.
    pub(super) const fn our_default(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    pub(super) const fn becomes_properties(mut self, properties: &'static [&'static str]) -> Self {
        self.becomes = Becomes::Properties(properties);
        self
    }

    /// Sets librdkafka's default of the first property.
    pub(super) const fn librdkafka(mut self, default: &'static str) -> Self {
        self.librdkafka_default = Some(default);
        self
    }

    pub(super) const fn refused(mut self, accepted: &'static [&'static str], instead: &'static str) -> Self {
        self.becomes = Becomes::Refused { instead, accepted };
        self.default = None;
        self
    }

    pub(super) const fn note_of(mut self, note: &'static str) -> Self {
        self.note = note;
        self
    }

    pub(super) const fn checked(mut self, check: Check) -> Self {
        self.check = Some(check);
        self
    }
}

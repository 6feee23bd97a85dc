//! Patterns for the values that Avro encodes as an integer, whatever their logical type.

/// Matches a value that is encoded as an `int`.
macro_rules! int_value {
    ($number:ident) => {
        Value::Int($number) | Value::Date($number) | Value::TimeMillis($number)
    };
}

/// Matches a value that is encoded as a `long`.
macro_rules! long_value {
    ($number:ident) => {
        Value::Long($number)
            | Value::TimeMicros($number)
            | Value::TimestampMillis($number)
            | Value::TimestampMicros($number)
            | Value::TimestampNanos($number)
            | Value::LocalTimestampMillis($number)
            | Value::LocalTimestampMicros($number)
            | Value::LocalTimestampNanos($number)
    };
}

pub(super) use {int_value, long_value};

//! [`blocks`]: reads the items of an array or a map.

/// Reads blocks of a count and items, ended by a count of 0. A negative count is followed by the block's size in bytes.
pub(super) fn blocks<R, E>(
    reader: &mut R,
    long: impl Fn(&mut R) -> Result<i64, E>,
    mut item: impl FnMut(&mut R) -> Result<(), E>,
) -> Result<(), E> {
    loop {
        let count = long(reader)?;
        if count == 0 {
            return Ok(());
        }
        if count < 0 {
            long(reader)?;
        }
        for _ in 0..count.unsigned_abs() {
            item(reader)?;
        }
    }
}

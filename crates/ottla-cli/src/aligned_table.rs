//! [`aligned`]: a table of text whose columns are aligned.

/// Writes a blank line and the rows. Each column but the last is as wide as its longest cell, and two spaces are between columns.
pub(crate) fn aligned<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; COLUMNS] = std::array::from_fn(|column| if column + 1 < COLUMNS { width(column) } else { 0 });
    let mut table = String::new();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        table.push('\n');
        table.push_str(&cells.join("  "));
    }
    table.push('\n');
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_longest_cell_and_the_last_has_no_padding() {
        let rows = [["a", "1", "x"], ["long", "2", "longer"]].map(|row| row.map(str::to_owned));
        assert_eq!(aligned(&rows), "\na     1  x\nlong  2  longer\n");
    }
}

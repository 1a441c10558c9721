//! Columns for people.

use super::terminal::cut;

/// Lays rows out in columns; the first row is the heading. The last column is not padded, over-long cells are cut.
pub(super) fn table(rows: &[Vec<String>], widths_max: &[usize]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cell =
        |row: &Vec<String>, column: usize| fitted(row.get(column).map_or("", String::as_str), widths_max.get(column).copied());
    let width = |column: usize| rows.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = (0..columns)
            .map(|column| {
                let text = cell(row, column);
                let pad = if column + 1 == columns { 0 } else { widths[column].saturating_sub(text.chars().count()) };
                format!("{text}{}", " ".repeat(pad))
            })
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    let mut lines: Vec<String> = rows.iter().map(line).collect();
    if lines.len() > 1 {
        let rule = widths.iter().map(|width| "─".repeat(*width)).collect::<Vec<_>>().join("  ");
        lines.insert(1, rule);
    }
    lines.join("\n")
}

fn fitted(text: &str, max: Option<usize>) -> String {
    // What mail says must not move the cursor.
    let clean: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    cut(&clean, max.unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other_and_long_cells_are_cut() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        let text = table(&[row(["Subject", "Result"]), row(["Invoice\t4711 of June", "done"])], &[12]);
        assert_eq!(text, "Subject       Result\n────────────  ──────\nInvoice 471…  done");
    }
}

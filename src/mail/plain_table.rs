//! Tables drawn in plain text: columns parted by `|`, by tabs, or by two and more blanks.

use super::table::{COLUMNS_MAX, Grid, ROWS_MAX};

/// Lines that are looked at.
const LINES_MAX: usize = 50_000;

/// All runs of at least two lines with the same kind of columns.
pub(super) fn grids(text: &str) -> Vec<Grid> {
    let mut grids = Vec::new();
    let mut block: Option<Block> = None;
    for line in text.lines().take(LINES_MAX) {
        let line = line.trim_end();
        if is_rule(line) && block.is_some() {
            continue;
        }
        match (Divider::of(line), &mut block) {
            (Some(divider), Some(open)) if open.divider == divider => open.lines.push(line),
            (found, _) => {
                grids.extend(block.take().and_then(|block| block.grid()));
                block = found.map(|divider| Block { divider, lines: vec![line] });
            }
        }
    }
    grids.extend(block.and_then(|block| block.grid()));
    grids
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Divider {
    Bar,
    Tab,
    Blanks,
}

impl Divider {
    fn of(line: &str) -> Option<Self> {
        if line.trim_matches(['|', ' ']).contains('|') {
            Some(Self::Bar)
        } else if line.trim().contains('\t') {
            Some(Self::Tab)
        } else {
            line.trim().contains("  ").then_some(Self::Blanks)
        }
    }
}

struct Block<'a> {
    divider: Divider,
    lines: Vec<&'a str>,
}

impl Block<'_> {
    fn grid(&self) -> Option<Grid> {
        if self.lines.len() < 2 {
            return None;
        }
        let mut grid = Grid::default();
        let columns = spans(self.lines.first()?);
        for line in self.lines.iter().take(ROWS_MAX) {
            let row = match self.divider {
                Divider::Bar => cells(line.trim().trim_start_matches('|').trim_end_matches('|'), '|'),
                Divider::Tab => cells(line, '\t'),
                Divider::Blanks => aligned(line, &columns),
            };
            grid.push(row, false);
        }
        Some(grid)
    }
}

/// A line of dashes, equal signs and crossings between rows.
fn is_rule(line: &str) -> bool {
    let line = line.trim();
    line.len() > 2 && line.chars().all(|c| matches!(c, '-' | '=' | '+' | '|' | '_' | ' ' | ':' | '─' | '═' | '┼' | '\t'))
}

fn cells(line: &str, divider: char) -> Vec<String> {
    line.split(divider).take(COLUMNS_MAX).map(|cell| cell.trim().to_owned()).collect()
}

/// A cell and the columns of characters it covers.
struct Cell<'a> {
    text: &'a str,
    from: usize,
    to: usize,
}

/// The pieces of a line that two or more blanks part.
fn spans(line: &str) -> Vec<Cell<'_>> {
    let mut cells = Vec::new();
    let mut column = 0;
    for piece in line.split("  ") {
        let text = piece.trim();
        if !text.is_empty() && cells.len() < COLUMNS_MAX {
            let from = column + piece.chars().take_while(|c| c.is_whitespace()).count();
            cells.push(Cell { text, from, to: from + text.chars().count() });
        }
        column += piece.chars().count() + 2;
    }
    cells
}

/// Puts each cell below the header it overlaps most, or stands nearest to; in order when there are as many.
fn aligned(line: &str, columns: &[Cell<'_>]) -> Vec<String> {
    let cells = spans(line);
    if cells.len() == columns.len() {
        return cells.into_iter().map(|cell| cell.text.to_owned()).collect();
    }
    let mut row = vec![String::new(); columns.len()];
    for cell in cells {
        let distance = |column: &Cell<'_>| cell.from.max(column.from).saturating_sub(cell.to.min(column.to));
        let nearest = columns.iter().enumerate().min_by_key(|(_, column)| (distance(column), cell.from.abs_diff(column.from)));
        if let Some(slot) = nearest.and_then(|(at, _)| row.get_mut(at)) {
            if !slot.is_empty() {
                slot.push(' ');
            }
            slot.push_str(cell.text);
        }
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_tabs_and_blanks_part_columns() {
        let text = "Hello\n\n| SKU | Qty |\n|-----|-----|\n| A 1 | 2 |\n\nSKU\tQty\nB\t3\n\nSKU        Name       Qty\nC 1                     4\n";
        let rows: Vec<_> = grids(text).into_iter().map(|grid| grid.rows).collect();
        let expected: Vec<Vec<Vec<&str>>> = vec![
            vec![vec!["SKU", "Qty"], vec!["A 1", "2"]],
            vec![vec!["SKU", "Qty"], vec!["B", "3"]],
            vec![vec!["SKU", "Name", "Qty"], vec!["C 1", "", "4"]],
        ];
        assert_eq!(rows, expected);
    }
}

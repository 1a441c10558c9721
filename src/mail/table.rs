//! Tables: headers, rows, the search for the one that has the wanted columns, and which rows are totals.

/// Columns of a table.
pub(super) const COLUMNS_MAX: usize = 100;

/// Rows of a table.
pub(super) const ROWS_MAX: usize = 20_000;

/// A table: rows have as many cells as there are headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The columns' names as they are written; after a search, those that were asked for are spelled as they were asked for.
    pub headers: Vec<String>,
    /// The rows below, cells in the order of the headers; a missing cell is empty.
    pub rows: Vec<Vec<String>>,
}

/// What a search for columns found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableSearch {
    /// No table has these columns; [`super::Content::tables`] says which there are.
    None,
    /// The one table that has them (or several that say the same).
    One(Table),
    /// Several tables with these columns and different rows, in order.
    Several(Vec<Table>),
}

impl Table {
    /// Index of the column with that name; case, spaces, dots and colons do not matter.
    pub fn column(&self, name: &str) -> Option<usize> {
        let name = folded(name);
        self.headers.iter().position(|header| folded(header) == name)
    }

    /// The rows as pairs of header and cell, in order.
    pub fn records(&self) -> impl Iterator<Item = Vec<(&str, &str)>> {
        self.rows.iter().map(|row| self.headers.iter().map(String::as_str).zip(row.iter().map(String::as_str)).collect())
    }
}

/// A table as it was read, before it is known which of its rows is the header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Grid {
    pub(super) rows: Vec<Vec<String>>,
    /// For each row: most of its cells were marked as headers.
    header_rows: Vec<bool>,
}

impl Grid {
    pub(super) fn push(&mut self, row: Vec<String>, is_header: bool) {
        self.rows.push(row);
        self.header_rows.push(is_header);
    }

    /// The grid as a table: the first row marked as header, else the first with two filled cells, is its header.
    pub(super) fn table(&self) -> Option<Table> {
        let filled = |row: &[String]| row.iter().filter(|cell| !cell.is_empty()).count();
        let marked = self.header_rows.iter().zip(&self.rows).position(|(is_header, row)| *is_header && filled(row) > 1);
        let header = marked.or_else(|| self.rows.iter().position(|row| filled(row) > 1))?;
        let below = self.rows.get(header + 1..)?;
        if below.is_empty() {
            return None;
        }
        let headers = self.rows.get(header)?.clone();
        Some(Table { rows: below.iter().map(|row| fitted(row, headers.len())).collect(), headers })
    }

    /// All tables with these columns, each from the row on that has them all.
    pub(super) fn search(grids: &[Self], columns: &[&str]) -> TableSearch {
        let wanted: Vec<(String, &str)> = columns.iter().map(|column| (folded(column), *column)).collect();
        if wanted.is_empty() {
            return TableSearch::None;
        }
        let mut found: Vec<Table> = grids.iter().filter_map(|grid| grid.with_columns(&wanted)).collect();
        found.dedup();
        match found.len() {
            0 => TableSearch::None,
            1 => found.pop().map_or(TableSearch::None, TableSearch::One),
            _ if found.iter().all(|table| Some(table) == found.first()) => {
                found.pop().map_or(TableSearch::None, TableSearch::One)
            }
            _ => TableSearch::Several(found),
        }
    }

    fn with_columns(&self, wanted: &[(String, &str)]) -> Option<Table> {
        let (at, places) = self.rows.iter().enumerate().find_map(|(at, row)| Some((at, places(row, wanted)?)))?;
        let mut headers = self.rows.get(at)?.clone();
        for (&place, (_, asked)) in places.iter().zip(wanted) {
            if let Some(header) = headers.get_mut(place) {
                (*asked).clone_into(header);
            }
        }
        let rows = self.rows.get(at + 1..).unwrap_or_default().iter();
        let rows = rows.filter(|row| is_item(row, &places) && self::places(row, wanted).is_none());
        Some(Table { rows: rows.map(|row| fitted(row, headers.len())).collect(), headers })
    }
}

/// Where a row has the wanted names; `None` when it lacks one.
fn places(row: &[String], wanted: &[(String, &str)]) -> Option<Vec<usize>> {
    if row.len() < wanted.len() {
        return None;
    }
    wanted
        .iter()
        .map(|(name, _)| {
            // Long cells are no headers; folding them would cost for nothing.
            row.iter().position(|cell| cell.len() <= name.len() * 2 + 40 && folded(cell) == *name)
        })
        .collect()
}

fn fitted(row: &[String], columns: usize) -> Vec<String> {
    let mut row: Vec<String> = row.iter().take(columns).cloned().collect();
    row.resize(columns, String::new());
    row
}

/// A header without case, spaces, dots, colons and marks of emphasis.
pub(super) fn folded(name: &str) -> String {
    name.chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '.' | ':' | '*' | '\u{200b}'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// Not an empty row, not a total, not a tax line.
fn is_item(row: &[String], places: &[usize]) -> bool {
    let cell = |place: &usize| row.get(*place).map_or("", |cell| cell.trim());
    let filled = places.iter().filter(|place| !cell(place).is_empty()).count();
    if filled == 0 {
        return false;
    }
    let Some(first) = row.iter().map(|cell| cell.trim()).find(|cell| !cell.is_empty()) else { return false };
    let is_incomplete = filled < places.len();
    match total(first) {
        Total::Whole => false,
        Total::Begins => !is_incomplete,
        Total::No => true,
    }
}

enum Total {
    /// The cell says nothing but "total".
    Whole,
    /// The cell begins so: a total if the row lacks cells (an article may be called "Total Cleaner").
    Begins,
    No,
}

/// Words for totals in English, German, French, Dutch, Italian and Spanish.
const TOTALS: [&str; 46] = [
    "total",
    "totals",
    "subtotal",
    "sub total",
    "sub-total",
    "grand total",
    "order total",
    "invoice total",
    "net total",
    "total net",
    "total gross",
    "total due",
    "total amount",
    "amount due",
    "sum",
    "summe",
    "gesamt",
    "gesamtsumme",
    "gesamtbetrag",
    "zwischensumme",
    "endsumme",
    "endbetrag",
    "nettosumme",
    "bruttosumme",
    "rechnungsbetrag",
    "insgesamt",
    "sous-total",
    "sous total",
    "total ht",
    "total ttc",
    "total général",
    "montant total",
    "somme",
    "totaal",
    "subtotaal",
    "eindtotaal",
    "totaalbedrag",
    "som",
    "totale",
    "subtotale",
    "totale complessivo",
    "somma",
    "suma",
    "importe total",
    "total general",
    "totale ordine",
];

/// Words for tax lines, which stand among the totals; they need a row that lacks cells.
const TAXES: [&str; 12] =
    ["vat", "tax", "sales tax", "mwst", "ust", "mehrwertsteuer", "umsatzsteuer", "tva", "btw", "iva", "taxes", "tva/vat"];

fn total(cell: &str) -> Total {
    if cell.len() > 100 {
        return Total::No;
    }
    let cell = cell.to_lowercase();
    let cell = cell.trim_matches(|c: char| !c.is_alphanumeric());
    if TOTALS.contains(&cell) {
        return Total::Whole;
    }
    let begins =
        |word: &str| cell.strip_prefix(word).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-'));
    if TOTALS.iter().chain(&TAXES).any(|word| begins(word)) { Total::Begins } else { Total::No }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(rows: &[&[&str]]) -> Grid {
        let mut grid = Grid::default();
        for row in rows {
            grid.push(row.iter().map(|&cell| cell.to_owned()).collect(), false);
        }
        grid
    }

    fn table(headers: &[&str], rows: &[&[&str]]) -> Table {
        let owned = |cells: &[&str]| cells.iter().map(|&cell| cell.to_owned()).collect::<Vec<_>>();
        Table { headers: owned(headers), rows: rows.iter().map(|row| owned(row)).collect() }
    }

    #[test]
    fn the_header_may_stand_below_a_title_and_totals_are_no_items() {
        let order = grid(&[
            &["Order 4711", "", ""],
            &["Pos.", "ARTICLE NO.", "Qty:"],
            &["1", "A-1", "2"],
            &["2", "Total Cleaner", "1"],
            &["", "", ""],
            &["Pos.", "Article No.", "Qty"],
            &["3", "A-3", "5"],
            &["VAT 19 %", "", "3,80"],
            &["Gesamtsumme:", "", "8"],
            &["Summe", "x", "8"],
        ]);
        let expected =
            table(&["Pos.", "Article No", "Qty"], &[&["1", "A-1", "2"], &["2", "Total Cleaner", "1"], &["3", "A-3", "5"]]);
        assert_eq!(Grid::search(&[order], &["Article No", "Qty"]), TableSearch::One(expected));
    }

    #[test]
    fn two_different_tables_are_both_named_and_two_equal_ones_are_one() {
        let one = grid(&[&["SKU", "Qty"], &["A", "1"]]);
        let other = grid(&[&["SKU", "Qty"], &["B", "1"]]);
        let (first, second) = (table(&["SKU", "Qty"], &[&["A", "1"]]), table(&["SKU", "Qty"], &[&["B", "1"]]));
        assert_eq!(
            Grid::search(&[one.clone(), other], &["sku"]),
            TableSearch::Several(vec![
                Table { headers: vec!["sku".to_owned(), "Qty".to_owned()], ..first.clone() },
                Table { headers: vec!["sku".to_owned(), "Qty".to_owned()], ..second },
            ])
        );
        assert_eq!(Grid::search(&[one.clone(), one], &["SKU"]), TableSearch::One(first));
        assert_eq!(Grid::search(&[], &["SKU"]), TableSearch::None);
    }

    #[test]
    fn rows_have_as_many_cells_as_headers() {
        let uneven = grid(&[&["A", "B"], &["1"], &["1", "2", "3"]]);
        assert_eq!(uneven.table(), Some(table(&["A", "B"], &[&["1", ""], &["1", "2"]])));
    }
}

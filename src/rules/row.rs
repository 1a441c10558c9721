//! One row of a table, as scripts see it: cells by the names of their columns; empty ones are `()`.

use std::sync::Arc;

use rhai::Dynamic;

/// A row; cheap to clone. Columns are found without regard to case, spaces and dots.
#[derive(Clone, Debug)]
pub(super) struct Row {
    headers: Arc<[String]>,
    cells: Arc<[Dynamic]>,
}

impl Row {
    pub fn new(headers: Arc<[String]>, cells: Arc<[Dynamic]>) -> Self {
        Self { headers, cells }
    }

    /// The columns' names.
    pub fn headers(&self) -> &[String] {
        &self.headers
    }

    /// The cell of a column; `Some(())` when it is empty, `None` when there is no such column.
    pub fn cell(&self, column: &str) -> Option<Dynamic> {
        let position = self.headers.iter().position(|header| header == column).or_else(|| {
            let wanted = plain(column);
            self.headers.iter().position(|header| plain(header) == wanted)
        })?;
        Some(self.cells.get(position).cloned().unwrap_or_default())
    }

    /// Columns and cells, in the table's order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, Dynamic)> {
        self.headers.iter().enumerate().map(|(at, header)| (header.as_str(), self.cells.get(at).cloned().unwrap_or_default()))
    }
}

fn plain(name: &str) -> String {
    name.chars().filter(|sign| !sign.is_whitespace() && !matches!(sign, '.' | '_')).flat_map(char::to_lowercase).collect()
}

//! Characters with positions become lines of text: in columns as printed, or in the order in which the file has them.

/// A character where it is printed, in points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Glyph {
    pub(super) sign: char,
    /// Where its baseline begins; `y` upwards.
    pub(super) x: f32,
    pub(super) y: f32,
    /// How far it reaches along its baseline.
    pub(super) width: f32,
    /// Height of its font.
    pub(super) size: f32,
    pub(super) turn: Turn,
}

/// Which way a line of text runs, to a quarter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Turn {
    Right,
    Up,
    Left,
    Down,
}

impl Turn {
    const ALL: [Self; 4] = [Self::Right, Self::Up, Self::Left, Self::Down];

    /// By the direction in which the baseline runs.
    pub(super) fn towards(x: f32, y: f32) -> Self {
        match (x.abs() >= y.abs(), x >= 0.0, y >= 0.0) {
            (true, true, _) => Self::Right,
            (true, false, _) => Self::Left,
            (false, _, true) => Self::Up,
            (false, _, false) => Self::Down,
        }
    }
}

/// A character on an upright page: `along` to the right, `down` from the top.
#[derive(Clone, Copy)]
struct Upright {
    sign: char,
    along: f32,
    down: f32,
    width: f32,
    size: f32,
}

impl Upright {
    fn of(glyph: &Glyph) -> Self {
        let (along, down) = match glyph.turn {
            Turn::Right => (glyph.x, -glyph.y),
            Turn::Up => (glyph.y, glyph.x),
            Turn::Left => (-glyph.x, glyph.y),
            Turn::Down => (-glyph.y, -glyph.x),
        };
        // Fonts without widths: half as wide as high.
        let size = glyph.size.max(0.1);
        let width = if glyph.width > 0.0 { glyph.width } else { size * 0.5 };
        Self { sign: glyph.sign, along, down, width, size }
    }

    fn end(&self) -> f32 {
        self.along + self.width
    }
}

/// Parts of a font's height: how far baselines of one line lie apart, and how wide gaps are.
const SAME_LINE: f32 = 0.35;
const BETWEEN_WORDS: f32 = 0.16;
const BETWEEN_COLUMNS: f32 = 0.8;
/// A gap of more lines than this leaves an empty one.
const BETWEEN_PARAGRAPHS: f32 = 1.8;
/// How close two equal characters lie that are one, printed twice to look bold.
const PRINTED_TWICE: f32 = 0.15;
/// Columns of a page's grid.
const COLUMNS_MAX: f32 = 240.0;

/// The page as printed: what stands side by side stands on one line, columns apart by two blanks at least and below each other as
/// far as that goes. What is turned otherwise than most of the page comes after it.
pub(super) fn as_printed(page: &[Glyph]) -> String {
    let mut lines = String::new();
    let mut turns = Turn::ALL.map(|turn| page.iter().filter(|glyph| glyph.turn == turn).map(Upright::of).collect::<Vec<_>>());
    turns.sort_by_key(|glyphs| std::cmp::Reverse(glyphs.len()));
    for glyphs in turns.iter().filter(|glyphs| !glyphs.is_empty()) {
        if !lines.is_empty() {
            lines.push('\n');
        }
        print(rows(glyphs), &mut lines);
    }
    lines
}

/// One line of the page.
struct Row {
    down: f32,
    size: f32,
    words: Vec<Word>,
}

struct Word {
    from: f32,
    to: f32,
    text: String,
    letters: usize,
}

fn rows(glyphs: &[Upright]) -> Vec<Row> {
    let mut sorted: Vec<Upright> = glyphs.to_vec();
    sorted.sort_by(|one, other| one.down.total_cmp(&other.down));
    let mut rows: Vec<Row> = Vec::new();
    let mut rest = sorted.as_slice();
    while let Some(first) = rest.first() {
        // The largest letter nearby says how far its line reaches: a raised sign before it belongs to it.
        let size = rest
            .iter()
            .take_while(|next| next.down - first.down <= first.size * SAME_LINE)
            .map(|next| next.size)
            .fold(0.0, f32::max);
        let length = rest.iter().take_while(|next| next.down - first.down <= size * SAME_LINE).count().max(1);
        let (row, below) = rest.split_at(length);
        let mut row = row.to_vec();
        row.sort_by(|one, other| one.along.total_cmp(&other.along));
        let words = words(&row);
        if !words.is_empty() {
            rows.push(Row { down: first.down, size, words });
        }
        rest = below;
    }
    rows
}

/// The words of a line, whose characters are in order.
fn words(row: &[Upright]) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut last: Option<Upright> = None;
    let mut is_apart = true;
    for glyph in row {
        if glyph.sign.is_whitespace() {
            // One that is printed under the next word does not part that.
            is_apart |= last.is_none_or(|last| glyph.along + glyph.width / 2.0 > last.end());
            continue;
        }
        if let Some(last) = last {
            if last.sign == glyph.sign && (glyph.along - last.along).abs() < glyph.size * PRINTED_TWICE {
                continue;
            }
            is_apart |= glyph.along - last.end() > last.size.min(glyph.size) * BETWEEN_WORDS;
        }
        match words.last_mut().filter(|_| !is_apart) {
            Some(word) => {
                word.text.push(glyph.sign);
                word.letters += 1;
                word.to = word.to.max(glyph.end());
            }
            None => words.push(Word { from: glyph.along, to: glyph.end(), text: glyph.sign.to_string(), letters: 1 }),
        }
        (last, is_apart) = (Some(*glyph), false);
    }
    words
}

/// Sets the rows into a grid of characters.
fn print(rows: Vec<Row>, lines: &mut String) {
    let left = rows.iter().flat_map(|row| &row.words).map(|word| word.from).fold(f32::INFINITY, f32::min);
    let cell = cell_width(&rows, left);
    let mut above: Option<(f32, f32)> = None;
    for row in rows {
        if above.is_some_and(|(down, size)| row.down - down > size.max(row.size) * BETWEEN_PARAGRAPHS) {
            lines.push('\n');
        }
        let (mut length, mut end) = (0, f32::NEG_INFINITY);
        for word in &row.words {
            let column = whole((word.from - left) / cell);
            let blanks = match word.from - end {
                _ if length == 0 => column,
                gap if gap > row.size * BETWEEN_COLUMNS => column.saturating_sub(length).max(2),
                _ => 1,
            };
            lines.extend(std::iter::repeat_n(' ', blanks));
            lines.push_str(&word.text);
            (length, end) = (length + blanks + word.letters, word.to);
        }
        lines.push('\n');
        above = Some((row.down, row.size));
    }
}

/// How wide a character of the grid is: as a narrow word's, so that columns seldom run into each other.
fn cell_width(rows: &[Row], left: f32) -> f32 {
    let words = || rows.iter().flat_map(|row| &row.words);
    #[allow(clippy::cast_precision_loss, reason = "letters of a word")]
    let mut widths: Vec<f32> =
        words().filter(|word| word.letters > 2).map(|word| (word.to - word.from) / word.letters as f32).collect();
    widths.sort_by(f32::total_cmp);
    let narrow = widths.get(widths.len() / 4).copied().unwrap_or(5.0);
    let right = words().map(|word| word.to).fold(left, f32::max);
    narrow.max((right - left) / COLUMNS_MAX).max(0.1)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "columns of a grid")]
fn whole(column: f32) -> usize {
    column.round().clamp(0.0, COLUMNS_MAX) as usize
}

/// The text in the order of the file, which is that of its cells and paragraphs with most programs: a line for each line that is
/// written, what is written far to the right of it set off by a tab.
pub(super) fn in_order(page: &[Glyph]) -> String {
    let mut text = String::new();
    let mut last: Option<(Upright, Turn)> = None;
    let mut is_apart = false;
    for glyph in page {
        if glyph.sign.is_whitespace() {
            is_apart = true;
            continue;
        }
        let (turn, glyph) = (glyph.turn, Upright::of(glyph));
        if let Some((last, was)) = last {
            let size = last.size.max(glyph.size);
            let gap = glyph.along - last.end();
            let goes_on = turn == was && (glyph.down - last.down).abs() <= size * SAME_LINE && gap > -size;
            if goes_on && last.sign == glyph.sign && (glyph.along - last.along).abs() < size * PRINTED_TWICE {
                continue;
            }
            match gap {
                _ if !goes_on => text.push('\n'),
                gap if gap > size * 2.0 * BETWEEN_COLUMNS => text.push('\t'),
                gap if is_apart || gap > size * BETWEEN_WORDS => text.push(' '),
                _ => {}
            }
        }
        text.push(glyph.sign);
        (last, is_apart) = (Some((glyph, turn)), false);
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

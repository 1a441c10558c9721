//! Whether standard output shows colours.

use std::io::IsTerminal;

/// Whether standard output shows colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colours {
    Shown,
    None,
}

impl Colours {
    /// On a terminal, where nobody wants none (no-color.org).
    pub(super) fn of_output() -> Self {
        let wanted = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        if wanted { Self::Shown } else { Self::None }
    }

    /// A line of a difference: `-` was, `+` is instead, `@` is a place.
    pub(super) fn paint(self, line: &str, sign: char) -> String {
        match sign {
            _ if self == Self::None || line.is_empty() => line.to_owned(),
            '-' => format!("\x1b[31m{line}\x1b[0m"),
            '+' => format!("\x1b[32m{line}\x1b[0m"),
            '@' => format!("\x1b[36m{line}\x1b[0m"),
            _ => line.to_owned(),
        }
    }
}

//! RTF files as text (the Rich Text Format specification, version 1.9.1).

use encoding_rs::{Encoding, WINDOWS_1252};

use super::super::reading::Reading;
use super::{File, Format, READABLE_MAX};

/// Groups in groups that are followed.
const GROUPS_MAX: usize = 1_000;

pub(super) struct Rtf;

impl Format for Rtf {
    fn is_content(&self, file: &File<'_>) -> bool {
        file.bytes.trim_ascii_start().starts_with(b"{\\rtf")
    }

    fn endings(&self) -> &'static [&'static str] {
        &["rtf"]
    }

    fn types(&self) -> &'static [&'static str] {
        &["application/rtf", "text/rtf"]
    }

    fn read(&self, file: &File<'_>) -> Result<Reading, String> {
        if !self.is_content(file) {
            return Err("it is called an RTF file, but is none".to_owned());
        }
        if file.bytes.len() > READABLE_MAX {
            return Err(format!("it has {} bytes, more than {READABLE_MAX}: it is not read", file.bytes.len()));
        }
        Ok(Reading::text(text(file.bytes)))
    }
}

/// Groups that are not text.
const ASIDE: [&str; 16] = [
    "fonttbl",
    "colortbl",
    "stylesheet",
    "info",
    "pict",
    "object",
    "listtable",
    "listoverridetable",
    "themedata",
    "datastore",
    "xmlnstbl",
    "rsidtbl",
    "generator",
    "fldinst",
    "latentstyles",
    "colorschememapping",
];

#[derive(Clone, Copy)]
struct Group {
    is_aside: bool,
    /// Characters that stand in for one that was given by its number.
    stand_ins: usize,
}

struct Page {
    text: String,
    /// Bytes of the code page that are not decoded yet.
    pending: Vec<u8>,
    encoding: &'static Encoding,
    group: Group,
    outer: Vec<Group>,
    /// Stand-ins that are still to come.
    skipped: usize,
    /// The first half of a character of two.
    half: Option<u16>,
}

fn text(rtf: &[u8]) -> String {
    let mut page = Page {
        text: String::new(),
        pending: Vec::new(),
        encoding: WINDOWS_1252,
        group: Group { is_aside: false, stand_ins: 1 },
        outer: Vec::new(),
        skipped: 0,
        half: None,
    };
    let mut rest = rtf;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'{' if page.outer.len() < GROUPS_MAX => page.outer.push(page.group),
            b'}' => page.group = page.outer.pop().unwrap_or(page.group),
            b'\\' => rest = page.control(rest),
            b'{' | b'\r' | b'\n' => {}
            byte => page.byte(byte),
        }
    }
    page.flush();
    page.text
}

impl Page {
    /// A control word or sign; gives what comes after it.
    fn control<'r>(&mut self, rest: &'r [u8]) -> &'r [u8] {
        let letters = rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let (word, after) = rest.split_at(letters);
        if word.is_empty() {
            return self.sign(rest);
        }
        let minus = usize::from(after.first() == Some(&b'-'));
        let digits = after.iter().skip(minus).take_while(|byte| byte.is_ascii_digit()).count();
        let (number, after) = after.split_at(if digits == 0 { 0 } else { minus + digits });
        let number = std::str::from_utf8(number).ok().and_then(|number| number.parse::<i32>().ok());
        let after = after.strip_prefix(b" ").unwrap_or(after);
        match (std::str::from_utf8(word).unwrap_or_default(), number) {
            ("u", Some(code)) => self.unicode(code),
            ("uc", Some(count)) => self.group.stand_ins = usize::try_from(count).unwrap_or(1),
            ("ansicpg", Some(page)) => {
                let label = format!("windows-{page}");
                self.encoding = Encoding::for_label(label.as_bytes()).unwrap_or(match page {
                    932 => encoding_rs::SHIFT_JIS,
                    936 => encoding_rs::GBK,
                    949 => encoding_rs::EUC_KR,
                    950 => encoding_rs::BIG5,
                    65001 => encoding_rs::UTF_8,
                    _ => WINDOWS_1252,
                });
            }
            ("bin", Some(count)) => return after.get(usize::try_from(count).unwrap_or(0)..).unwrap_or_default(),
            ("par" | "line" | "sect" | "page" | "row", _) => self.push('\n'),
            ("tab" | "cell", _) => self.push('\t'),
            ("emdash", _) => self.push('—'),
            ("endash", _) => self.push('–'),
            ("bullet", _) => self.push('•'),
            ("lquote", _) => self.push('‘'),
            ("rquote", _) => self.push('’'),
            ("ldblquote", _) => self.push('“'),
            ("rdblquote", _) => self.push('”'),
            (word, _) if ASIDE.contains(&word) => self.group.is_aside = true,
            _ => {}
        }
        after
    }

    fn sign<'r>(&mut self, rest: &'r [u8]) -> &'r [u8] {
        let Some((&sign, after)) = rest.split_first() else { return rest };
        match sign {
            b'\'' => {
                let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
                if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
                    self.byte(byte);
                    return after.get(2..).unwrap_or_default();
                }
            }
            b'*' => self.group.is_aside = true,
            b'~' => self.push(' '),
            b'_' => self.push('-'),
            b'\r' | b'\n' => self.push('\n'),
            b'{' | b'}' | b'\\' => self.byte(sign),
            _ => {}
        }
        after
    }

    fn byte(&mut self, byte: u8) {
        if self.skipped > 0 {
            self.skipped -= 1;
        } else if !self.group.is_aside {
            self.pending.push(byte);
        }
    }

    fn push(&mut self, sign: char) {
        self.flush();
        if !self.group.is_aside {
            self.text.push(sign);
        }
    }

    fn flush(&mut self) {
        self.text.push_str(&self.encoding.decode_without_bom_handling(&self.pending).0);
        self.pending.clear();
    }

    fn unicode(&mut self, code: i32) {
        self.skipped = self.group.stand_ins;
        let Ok(unit) = u16::try_from(code & 0xFFFF) else { return };
        let units: Vec<u16> = self.half.take().into_iter().chain([unit]).collect();
        if units.len() == 1 && (0xD800..0xDC00).contains(&unit) {
            self.half = Some(unit);
            return;
        }
        for sign in String::from_utf16_lossy(&units).chars() {
            self.push(sign);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_through_groups_code_pages_and_numbered_characters() {
        let rtf =
            br"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}{\*\generator x;}\pard Gr\'fc\'dfe \u8364? 5\par A\cell B\row \{x\}}";
        assert_eq!(text(rtf), "Grüße € 5\nA\tB\n{x}");
        assert_eq!(text(br"{\rtf1\ansicpg1251\'cf\'f0\uc0\u-10179\u-8704}"), "Пр😀");
        assert_eq!(text(&b"{".repeat(1_000_000)), "");
    }
}

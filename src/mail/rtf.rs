//! RTF (Rich Text Format 1.9.1): its text, or the HTML that Outlook wrapped into it (MS-OXRTFEX).

use std::collections::HashMap;

use super::code_page;

/// Groups in groups; what is deeper is left out.
const LEVELS_MAX: usize = 500;

/// What RTF says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Rtf {
    /// The HTML that was wrapped into it.
    pub(super) html: Option<String>,
    /// Its text, where it holds no HTML.
    pub(super) text: Option<String>,
}

/// Reads RTF.
pub(super) fn read(rtf: &[u8]) -> Rtf {
    let mut reader = Reader { rest: rtf, ..Reader::default() };
    reader.run();
    reader.flush();
    let said = Some(reader.out).filter(|text| !text.trim().is_empty());
    if reader.is_html { Rtf { html: said, text: None } } else { Rtf { html: None, text: said } }
}

/// Where the text of a group goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Destination {
    #[default]
    Text,
    /// A piece of the wrapped HTML: as it stands.
    HtmlTag,
    Fonts,
    /// Pictures, styles, whatever is not text.
    Nowhere,
}

#[derive(Clone, Copy, Debug, Default)]
struct Group {
    destination: Destination,
    /// Within `\htmlrtf`: what only RTF readers shall see.
    is_for_rtf_alone: bool,
    /// Characters that follow a `\u` for readers that do not know it.
    fallback: usize,
    code_page: Option<u32>,
}

#[derive(Default)]
struct Reader<'r> {
    rest: &'r [u8],
    out: String,
    /// Bytes in a code page, until they are text.
    pending: Vec<u8>,
    pending_page: Option<u32>,
    high_surrogate: Option<u16>,
    group: Group,
    outer: Vec<Group>,
    /// Groups that were opened beyond the limit.
    too_deep: usize,
    is_html: bool,
    document_page: Option<u32>,
    font: u32,
    fonts: HashMap<u32, u32>,
    /// Characters still to be left out behind a `\u`.
    skip: usize,
}

impl Reader<'_> {
    fn run(&mut self) {
        self.group.fallback = 1;
        while let Some((&byte, rest)) = self.rest.split_first() {
            self.rest = rest;
            match byte {
                b'{' => self.open(),
                b'}' => self.close(),
                b'\\' => self.control(),
                b'\r' | b'\n' | 0 => {}
                byte => self.byte(byte),
            }
        }
    }

    fn open(&mut self) {
        self.flush();
        if self.outer.len() == LEVELS_MAX {
            self.too_deep += 1;
        } else {
            self.outer.push(self.group);
        }
    }

    fn close(&mut self) {
        self.flush();
        self.skip = 0;
        if self.too_deep > 0 {
            self.too_deep -= 1;
        } else {
            self.group = self.outer.pop().unwrap_or(self.group);
        }
    }

    fn control(&mut self) {
        let Some((&first, rest)) = self.rest.split_first() else { return };
        if !first.is_ascii_alphabetic() {
            self.rest = rest;
            return self.symbol(first);
        }
        let letters = self.rest.iter().take(32).take_while(|byte| byte.is_ascii_alphabetic()).count();
        let (word, rest) = self.rest.split_at(letters);
        let sign = usize::from(rest.first() == Some(&b'-'));
        let digits = rest.iter().skip(sign).take(10).take_while(|byte| byte.is_ascii_digit()).count();
        let (written, rest) = rest.split_at(if digits == 0 { 0 } else { sign + digits });
        let number = std::str::from_utf8(written).ok().and_then(|text| text.parse::<i64>().ok());
        self.rest = rest.strip_prefix(b" ").unwrap_or(rest);
        self.word(word, number);
    }

    fn symbol(&mut self, symbol: u8) {
        match symbol {
            b'\'' => {
                let Some((digits, rest)) = self.rest.split_at_checked(2) else { return };
                self.rest = rest;
                if let Some(byte) = std::str::from_utf8(digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
                    self.byte(byte);
                }
            }
            b'{' | b'}' | b'\\' => self.byte(symbol),
            b'~' => self.say(if self.is_html { "&nbsp;" } else { " " }),
            b'_' => self.say(if self.is_html { "&#8209;" } else { "-" }),
            b'\r' | b'\n' => self.say("\n"),
            // A destination that one may not know: those that we do are taken by their word.
            b'*' => {
                let is_known = [b"\\htmltag".as_slice(), b"\\fonttbl"].iter().any(|word| self.rest.starts_with(word));
                if !is_known {
                    self.group.destination = Destination::Nowhere;
                }
            }
            _ => {}
        }
    }

    fn word(&mut self, word: &[u8], number: Option<i64>) {
        let value = number.and_then(|number| u32::try_from(number).ok());
        match word {
            b"u" => self.unicode(number),
            b"bin" => {
                let bytes = value.map_or(0, |count| usize::try_from(count).unwrap_or(usize::MAX));
                self.rest = self.rest.get(bytes..).unwrap_or_default();
            }
            b"fromhtml" => self.is_html = true,
            b"htmlrtf" => {
                self.flush();
                self.group.is_for_rtf_alone = value != Some(0);
            }
            b"htmltag" if self.group.destination != Destination::Nowhere => {
                self.flush();
                self.group.destination = Destination::HtmlTag;
            }
            b"fonttbl" => self.group.destination = Destination::Fonts,
            b"colortbl"
            | b"stylesheet"
            | b"info"
            | b"pict"
            | b"object"
            | b"listtable"
            | b"listoverridetable"
            | b"fldinst"
            | b"themedata"
            | b"datastore"
            | b"xmlnstbl"
            | b"rsidtbl"
            | b"generator"
            | b"latentstyles"
            | b"colorschememapping" => {
                self.group.destination = Destination::Nowhere;
            }
            b"ansicpg" => self.document_page = value,
            b"uc" => self.group.fallback = value.map_or(1, |count| usize::try_from(count).unwrap_or(1)),
            b"f" => self.font(value.unwrap_or_default()),
            b"fcharset" if self.group.destination == Destination::Fonts => {
                if let Some(page) = value.and_then(code_page::of_font) {
                    self.fonts.insert(self.font, page);
                }
            }
            b"plain" => self.group.code_page = None,
            _ => {
                if let Some(said) = said(word, self.is_html) {
                    self.say(said);
                }
            }
        }
    }

    fn font(&mut self, number: u32) {
        self.flush();
        self.font = number;
        if self.group.destination != Destination::Fonts {
            self.group.code_page = self.fonts.get(&number).copied();
        }
    }

    /// `\uN`: a unit of UTF-16, negative above 32767.
    fn unicode(&mut self, number: Option<i64>) {
        let Some(unit) = number.and_then(|number| u16::try_from(number.rem_euclid(65_536)).ok()) else { return };
        self.flush();
        let units = self.high_surrogate.take().into_iter().chain([unit]);
        for c in char::decode_utf16(units) {
            match c {
                Ok(c) => self.say(c.encode_utf8(&mut [0; 4])),
                Err(lone) if (0xd800..0xdc00).contains(&lone.unpaired_surrogate()) => {
                    self.high_surrogate = Some(lone.unpaired_surrogate());
                }
                Err(_) => {}
            }
        }
        self.skip = self.group.fallback;
    }

    fn byte(&mut self, byte: u8) {
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        let page = self.group.code_page.or(self.document_page);
        if page != self.pending_page {
            self.flush();
            self.pending_page = page;
        }
        if self.is_heard() {
            self.pending.push(byte);
        }
    }

    fn say(&mut self, text: &str) {
        self.flush();
        if self.is_heard() {
            self.out.push_str(text);
        }
    }

    /// Whether what stands here is part of what the reader shall see.
    fn is_heard(&self) -> bool {
        self.too_deep == 0
            && matches!(self.group.destination, Destination::Text | Destination::HtmlTag)
            && !(self.is_html && self.group.is_for_rtf_alone)
    }

    fn flush(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let encoding = self.pending_page.and_then(code_page::encoding).unwrap_or(encoding_rs::WINDOWS_1252);
        self.out.push_str(&encoding.decode_without_bom_handling(&self.pending).0);
        self.pending.clear();
    }
}

/// Control words that stand for characters; in HTML for their entities.
fn said(word: &[u8], is_html: bool) -> Option<&'static str> {
    Some(match (word, is_html) {
        (b"par" | b"line", true) => "\r\n",
        (b"par" | b"line" | b"row" | b"sect" | b"page", _) => "\n",
        (b"tab" | b"cell", _) => "\t",
        (b"lquote", true) => "&lsquo;",
        (b"rquote", true) => "&rsquo;",
        (b"ldblquote", true) => "&ldquo;",
        (b"rdblquote", true) => "&rdquo;",
        (b"bullet", true) => "&bull;",
        (b"endash", true) => "&ndash;",
        (b"emdash", true) => "&mdash;",
        (b"lquote", _) => "‘",
        (b"rquote", _) => "’",
        (b"ldblquote", _) => "“",
        (b"rdblquote", _) => "”",
        (b"bullet", _) => "•",
        (b"endash", _) => "–",
        (b"emdash", _) => "—",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn html(text: &str) -> Rtf {
        Rtf { html: Some(text.to_owned()), text: None }
    }

    #[test]
    fn html_within_rtf_comes_out_as_it_went_in() {
        let wrapped = br"{\rtf1\ansi\ansicpg1251\fromhtml1 \deff0{\fonttbl{\f0\fswiss\fcharset204 Arial;}{\f1\fcharset0 Times;}}
{\*\htmltag64 <p class=\'22a\'22>}\htmlrtf {\htmlrtf0 \f0 \'cf\'f0\'e8 \{x\}\htmlrtf }\htmlrtf0 \u8364?\f1 \'e9\tab{\*\mhtmltag8 <img>}{\*\htmltag72 </p>\par}}";
        assert_eq!(read(wrapped), html("<p class=\"a\">При {x}€é\t</p>\r\n"));
    }

    #[test]
    fn rtf_from_the_start_gives_its_text() {
        let text = |rtf: &[u8]| read(rtf).text.unwrap_or_default();
        let rtf =
            br"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}{\*\generator x;}\pard Gr\'fc\'dfe \u8364? 5\par A\cell B\row \{x\}}";
        assert_eq!(text(rtf), "Grüße € 5\nA\tB\n{x}");
        assert_eq!(text(br"{\rtf1\ansicpg1251\'cf\'f0\uc0\u-10179\u-8704}"), "Пр😀");
        // The font says what its letters are, whatever the document says.
        assert_eq!(text(br"{\rtf1\ansicpg1252{\fonttbl{\f1\fcharset238 Arial CE;}}\f1 \'9elu\'9dou\'e8k\'fd}"), "žluťoučký");
        let plain = br"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}{\stylesheet Normal;}{\*\generator Riched}{\info{\author Ann}}Gr\'fc\'dfe\par
\uc2\u-10179??\u-8704??!\line Zwei{\pict abc}}";
        assert_eq!(read(plain), Rtf { html: None, text: Some("Grüße\n😀!\nZwei".to_owned()) });
    }

    #[test]
    fn damage_and_depth_do_no_harm() {
        let deep = [b"{".repeat(200_000), b"x".to_vec(), b"}".repeat(200_000), b"y".to_vec()].concat();
        assert_eq!(read(&deep).text.as_deref(), Some("y"));
        for rtf in [r"{\rtf1\bin99999 x", r"\'", r"\'4", r"\u", r"\u99999999999999999999", "{{{", "}}}", "\\"] {
            let _ = read(rtf.as_bytes());
        }
    }
}

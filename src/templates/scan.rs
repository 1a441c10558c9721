//! The words within a template's tags, with their lines: enough to see names, filters and included files.

/// A word or sign within a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token<'s> {
    /// A name or keyword.
    Name(&'s str),
    /// What stands between quotes, as written.
    Text(&'s str),
    /// Any other sign; numbers come digit by digit.
    Sign(char),
}

/// A `{% … %}` or `{{ … }}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tag<'s> {
    /// Whether it is `{% … %}`.
    pub block: bool,
    /// Its words, each with its line from 1.
    pub tokens: Vec<(Token<'s>, usize)>,
}

impl<'s> Tag<'s> {
    /// The keyword of a `{% … %}`.
    pub fn keyword(&self) -> Option<&'s str> {
        match self.tokens.first() {
            Some((Token::Name(name), _)) if self.block => Some(name),
            _ => None,
        }
    }
}

/// The tags of a source, comments and raw parts left out.
pub(super) fn tags(source: &str) -> Vec<Tag<'_>> {
    let mut reader = Reader { source, at: 0, line: 1 };
    let mut tags = Vec::new();
    while let Some(opening) = reader.opening() {
        match opening {
            "{#" => reader.skip_past("#}"),
            "{%" => {
                let tag = reader.tag("%}", true);
                if tag.keyword() == Some("raw") {
                    reader.skip_raw();
                }
                tags.push(tag);
            }
            _ => tags.push(reader.tag("}}", false)),
        }
    }
    tags
}

struct Reader<'s> {
    source: &'s str,
    at: usize,
    line: usize,
}

impl<'s> Reader<'s> {
    fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    /// Goes on by bytes that end at a character's boundary.
    fn advance(&mut self, length: usize) -> &'s str {
        let passed = &self.rest()[..length];
        self.at += length;
        self.line += passed.bytes().filter(|byte| *byte == b'\n').count();
        passed
    }

    fn opening(&mut self) -> Option<&'s str> {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let found = bytes.windows(2).position(|pair| pair[0] == b'{' && matches!(pair[1], b'{' | b'%' | b'#'))?;
        self.advance(found);
        Some(self.advance(2))
    }

    fn skip_past(&mut self, end: &str) {
        let length = self.rest().find(end).map_or(self.rest().len(), |found| found + end.len());
        self.advance(length);
    }

    fn skip_raw(&mut self) {
        while let Some(found) = self.rest().find("{%") {
            self.advance(found + 2);
            if self.rest().trim_start_matches(['-', '+']).trim_start().starts_with("endraw") {
                break;
            }
        }
        self.skip_past("%}");
    }

    fn tag(&mut self, end: &str, block: bool) -> Tag<'s> {
        let mut tokens = Vec::new();
        if self.rest().starts_with(['-', '+']) {
            self.advance(1);
        }
        while let Some(sign) = self.rest().chars().next() {
            if self.rest().starts_with(end) {
                self.advance(end.len());
                break;
            }
            let line = self.line;
            let token = match sign {
                '"' | '\'' => Token::Text(self.quoted(sign)),
                letter if letter.is_alphabetic() || letter == '_' => {
                    let length =
                        self.rest().find(|sign: char| !sign.is_alphanumeric() && sign != '_').unwrap_or(self.rest().len());
                    Token::Name(self.advance(length))
                }
                other => {
                    self.advance(other.len_utf8());
                    if other.is_whitespace() {
                        continue;
                    }
                    Token::Sign(other)
                }
            };
            tokens.push((token, line));
        }
        Tag { block, tokens }
    }

    fn quoted(&mut self, quote: char) -> &'s str {
        self.advance(1);
        let mut escaped = false;
        let end = self.rest().find(|sign| {
            let closes = sign == quote && !escaped;
            escaped = sign == '\\' && !escaped;
            closes
        });
        let text = self.advance(end.unwrap_or(self.rest().len()));
        if end.is_some() {
            self.advance(1);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_with_their_lines_and_without_comments_and_raw_parts() {
        let source = "a {# {{ no }} #}\n{{ x.y|d('}}') }}\n{%- raw %}{{ no }}{% endraw %}{% set\n z = 1 -%}{{ \"open";
        let read = tags(source);
        let expected = vec![
            Tag {
                block: false,
                tokens: vec![
                    (Token::Name("x"), 2),
                    (Token::Sign('.'), 2),
                    (Token::Name("y"), 2),
                    (Token::Sign('|'), 2),
                    (Token::Name("d"), 2),
                    (Token::Sign('('), 2),
                    (Token::Text("}}"), 2),
                    (Token::Sign(')'), 2),
                ],
            },
            Tag { block: true, tokens: vec![(Token::Name("raw"), 3)] },
            Tag {
                block: true,
                tokens: vec![
                    (Token::Name("set"), 3),
                    (Token::Name("z"), 4),
                    (Token::Sign('='), 4),
                    (Token::Sign('1'), 4),
                    (Token::Sign('-'), 4),
                ],
            },
            Tag { block: false, tokens: vec![(Token::Text("open"), 4)] },
        ];
        assert_eq!(read, expected);
    }
}

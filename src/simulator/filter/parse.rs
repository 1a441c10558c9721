//! The text of `$filter` becomes a tree. Recursive descent; depth and length are limited.

use super::super::http::GraphError;
use super::tokens::{Token, syntax, tokens};

/// How deep brackets and `not` may nest.
const DEPTH_MAX: usize = 32;

/// A condition on a message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filter {
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    Compare {
        property: String,
        operator: Operator,
        literal: Literal,
    },
    /// `categories/any(c:c eq 'x')`: the inner condition names the element by an empty property.
    Any {
        property: String,
        condition: Box<Filter>,
    },
    /// `singleValueExtendedProperties/Any(ep: ep/id eq 'i' and …)`: conditions on `value` of the property `id`.
    Extended {
        id: String,
        condition: Option<Box<Filter>>,
    },
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
    StartsWith,
    EndsWith,
    Contains,
}

/// What is compared with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    Text(String),
    Bool(bool),
    Number(i64),
    Time(jiff::Timestamp),
    Null,
}

/// One property of `$orderby`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ordering {
    pub property: String,
    pub is_descending: bool,
}

/// Reads a `$filter`.
pub(crate) fn parse_filter(text: &str) -> Result<Filter, GraphError> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    let filter = parser.either()?;
    match parser.peek() {
        None => Ok(filter),
        Some(token) => Err(syntax(&format!("unexpected {token:?}"))),
    }
}

/// Reads an `$orderby`.
pub(crate) fn parse_order(text: &str) -> Result<Vec<Ordering>, GraphError> {
    text.split(',')
        .map(|part| {
            let mut words = part.split_whitespace();
            let property = words.next().ok_or_else(|| syntax("an empty $orderby"))?.to_owned();
            let is_descending = match words.next() {
                None | Some("asc") => false,
                Some("desc") => true,
                Some(other) => return Err(syntax(&format!("'{other}' after {property}"))),
            };
            Ok(Ordering { property, is_descending })
        })
        .collect()
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        self.at += 1;
        self.tokens.get(self.at - 1).cloned()
    }

    fn takes(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(own)) if own.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, token: &Token) -> Result<(), GraphError> {
        match self.next() {
            Some(found) if found == *token => Ok(()),
            found => Err(syntax(&format!("expected {token:?}, found {found:?}"))),
        }
    }

    fn either(&mut self) -> Result<Filter, GraphError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(syntax("too deep"));
        }
        let mut left = self.both()?;
        while self.takes("or") {
            left = Filter::Or(Box::new(left), Box::new(self.both()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn both(&mut self) -> Result<Filter, GraphError> {
        let mut left = self.single()?;
        while self.takes("and") {
            left = Filter::And(Box::new(left), Box::new(self.single()?));
        }
        Ok(left)
    }

    fn single(&mut self) -> Result<Filter, GraphError> {
        if self.takes("not") {
            self.depth += 1;
            if self.depth > DEPTH_MAX {
                return Err(syntax("too deep"));
            }
            let inner = self.single()?;
            self.depth -= 1;
            return Ok(Filter::Not(Box::new(inner)));
        }
        match self.next() {
            Some(Token::Open) => {
                let inner = self.either()?;
                self.expect(&Token::Close)?;
                Ok(inner)
            }
            Some(Token::Word(word)) => self.condition(&word),
            found => Err(syntax(&format!("expected a condition, found {found:?}"))),
        }
    }

    fn condition(&mut self, word: &str) -> Result<Filter, GraphError> {
        let lower = word.to_lowercase();
        if let Some(operator) = match lower.as_str() {
            "startswith" => Some(Operator::StartsWith),
            "endswith" => Some(Operator::EndsWith),
            "contains" => Some(Operator::Contains),
            _ => None,
        } {
            return self.function(operator);
        }
        if let Some(property) = lower.strip_suffix("/any") {
            let property = word[..property.len()].to_owned();
            return self.lambda(&property);
        }
        let property = self.property(word)?;
        let Some(Token::Word(operator)) = self.next() else {
            // A bare boolean property.
            self.at -= 1;
            return Ok(Filter::Compare { property, operator: Operator::Eq, literal: Literal::Bool(true) });
        };
        let operator = match operator.to_lowercase().as_str() {
            "eq" => Operator::Eq,
            "ne" => Operator::Ne,
            "gt" => Operator::Gt,
            "ge" => Operator::Ge,
            "lt" => Operator::Lt,
            "le" => Operator::Le,
            other => return Err(syntax(&format!("operator '{other}'"))),
        };
        Ok(Filter::Compare { property, operator, literal: self.literal()? })
    }

    /// A property path; `cast(ep/value, Edm.Int32)` is the path.
    fn property(&mut self, word: &str) -> Result<String, GraphError> {
        if !word.eq_ignore_ascii_case("cast") {
            return Ok(word.to_owned());
        }
        self.expect(&Token::Open)?;
        let Some(Token::Word(path)) = self.next() else { return Err(syntax("cast")) };
        self.expect(&Token::Comma)?;
        self.next();
        self.expect(&Token::Close)?;
        Ok(path)
    }

    fn function(&mut self, operator: Operator) -> Result<Filter, GraphError> {
        self.expect(&Token::Open)?;
        let Some(Token::Word(property)) = self.next() else { return Err(syntax("a function without a property")) };
        self.expect(&Token::Comma)?;
        let literal = self.literal()?;
        self.expect(&Token::Close)?;
        Ok(Filter::Compare { property, operator, literal })
    }

    fn lambda(&mut self, property: &str) -> Result<Filter, GraphError> {
        self.expect(&Token::Open)?;
        let Some(Token::Word(variable)) = self.next() else { return Err(syntax("any() without a variable")) };
        self.expect(&Token::Colon)?;
        let mut condition = self.either()?;
        self.expect(&Token::Close)?;
        rename(&mut condition, &variable);
        if property.eq_ignore_ascii_case("singleValueExtendedProperties") {
            return extended(condition);
        }
        Ok(Filter::Any { property: property.to_owned(), condition: Box::new(condition) })
    }

    fn literal(&mut self) -> Result<Literal, GraphError> {
        match self.next() {
            Some(Token::Text(text)) => Ok(Literal::Text(text)),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("true") => Ok(Literal::Bool(true)),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("false") => Ok(Literal::Bool(false)),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("null") => Ok(Literal::Null),
            Some(Token::Word(word)) => {
                if let Ok(number) = word.parse() {
                    return Ok(Literal::Number(number));
                }
                let whole = if word.contains('T') { word } else { format!("{word}T00:00:00Z") };
                whole.parse().map(Literal::Time).map_err(|_| syntax(&format!("the literal '{whole}'")))
            }
            found => Err(syntax(&format!("expected a literal, found {found:?}"))),
        }
    }
}

/// `ep/value` becomes `value`, `c` becomes the empty path.
fn rename(filter: &mut Filter, variable: &str) {
    match filter {
        Filter::And(left, right) | Filter::Or(left, right) => {
            rename(left, variable);
            rename(right, variable);
        }
        Filter::Not(inner) => rename(inner, variable),
        Filter::Compare { property, .. } => {
            if property == variable {
                property.clear();
            } else if let Some(rest) = property.strip_prefix(variable).and_then(|rest| rest.strip_prefix('/')) {
                *property = rest.to_owned();
            }
        }
        Filter::Any { .. } | Filter::Extended { .. } => {}
    }
}

fn extended(condition: Filter) -> Result<Filter, GraphError> {
    let id_of = |filter: &Filter| match filter {
        Filter::Compare { property, operator: Operator::Eq, literal: Literal::Text(id) } if property == "id" => Some(id.clone()),
        _ => None,
    };
    if let Some(id) = id_of(&condition) {
        return Ok(Filter::Extended { id, condition: None });
    }
    if let Filter::And(left, right) = condition {
        if let Some(id) = id_of(&left) {
            return Ok(Filter::Extended { id, condition: Some(right) });
        }
        if let Some(id) = id_of(&right) {
            return Ok(Filter::Extended { id, condition: Some(left) });
        }
    }
    Err(GraphError::new(
        400,
        "ErrorInvalidRequest",
        "The property filter must have the form 'ep/id eq '...' and ep/value eq '...''.",
    ))
}

impl Filter {
    /// The properties it names, in order of first mention.
    pub fn properties(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.collect(&mut found);
        found
    }

    fn collect(&self, found: &mut Vec<String>) {
        let name = match self {
            Self::And(left, right) | Self::Or(left, right) => {
                left.collect(found);
                right.collect(found);
                return;
            }
            Self::Not(inner) => return inner.collect(found),
            Self::Compare { property, .. } | Self::Any { property, .. } => property.clone(),
            Self::Extended { .. } => "singleValueExtendedProperties".to_owned(),
        };
        if !found.iter().any(|own| own.eq_ignore_ascii_case(&name)) {
            found.push(name);
        }
    }
}

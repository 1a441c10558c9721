//! Amounts of money and plain numbers in text. Always decimal, never floating point.

use rust_decimal::Decimal;

use super::amount::{Amount, Blanks, Suffix, amounts};
use super::number_form::{NumberError, NumberForm, Reading, read};

/// The amount of money in a text, in whatever form it has exactly one reading.
///
/// Understood: `1.234,56`, `1,234.56`, `1 234,56` (any blank), `1'234.50`, `12,-`, `.75`, currency signs, codes and names before
/// or after, a minus before or after, `(5.00)` when nothing else stands in the text. Not amounts: percentages, dates, times,
/// digits within names (`A4`, `INV-100`, `5kg`). An amount with a currency beside it goes before bare numbers
/// (`2 items, 119.00 EUR`). `None` when there is no amount.
///
/// # Errors
/// An amount with two readings (`1.234`), two different amounts, separators in no known order.
pub fn to_money(text: &str) -> Result<Option<Decimal>, NumberError> {
    Search { kind: Kind::Money, form: None }.run(text)
}

/// The amount of money in a text, written in the form of an example: `1.234,56`, `1,234.56`, `1 234,56`, `1234.56`.
///
/// # Errors
/// An amount written in another form, two different amounts, a form that is no example of a number.
pub fn to_money_as(text: &str, form: &str) -> Result<Option<Decimal>, NumberError> {
    Search { kind: Kind::Money, form: Some((NumberForm::parse(form)?, form)) }.run(text)
}

/// The price in a text, as shops write it: of several amounts the first, and three digits behind the only separator are
/// thousands (`$699,000`, `Rp 31.500`). A guess where [`to_money`] asks; for unit prices with three decimals it is the wrong one.
///
/// # Errors
/// Separators in no known order.
pub fn to_price(text: &str) -> Result<Option<Decimal>, NumberError> {
    Search { kind: Kind::Price, form: None }.run(text)
}

/// The number in a text, as [`to_money`] reads it; percentages and numbers with a unit (`19 %`, `5kg`) count as well, and a
/// currency makes no difference.
///
/// # Errors
/// As [`to_money`].
pub fn to_number(text: &str) -> Result<Option<Decimal>, NumberError> {
    Search { kind: Kind::Number, form: None }.run(text)
}

/// The number in a text, written in the form of an example.
///
/// # Errors
/// As [`to_money_as`].
pub fn to_number_as(text: &str, form: &str) -> Result<Option<Decimal>, NumberError> {
    Search { kind: Kind::Number, form: Some((NumberForm::parse(form)?, form)) }.run(text)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Money,
    Price,
    Number,
}

struct Search<'f> {
    kind: Kind,
    form: Option<(NumberForm, &'f str)>,
}

/// A number found, and what it says or why it says nothing.
struct Found {
    text: String,
    said: Result<Decimal, NumberError>,
}

impl Search<'_> {
    fn run(&self, text: &str) -> Result<Option<Decimal>, NumberError> {
        let blanks = self.form.map_or(Blanks::Group, |(form, _)| form.blanks());
        let (mut with_currency, mut bare) = (Vec::new(), Vec::new());
        for amount in amounts(text, blanks).filter(|amount| self.kind == Kind::Number || amount.suffix == Suffix::Other) {
            let kept = if amount.currency && self.kind != Kind::Number { &mut with_currency } else { &mut bare };
            // Two that differ are enough to know that it is not one.
            if kept.len() < 2
                && let Some(found) = self.judge(&amount)
                && kept.iter().all(|other: &Found| other.said != found.said)
            {
                kept.push(found);
            }
        }
        let mut found = if with_currency.is_empty() { bare } else { with_currency }.into_iter();
        match (found.next(), found.next()) {
            (None, _) => Ok(None),
            (Some(only), None) => only.said.map(Some),
            (Some(first), Some(_)) if self.kind == Kind::Price => first.said.map(Some),
            (Some(first), Some(second)) => Err(NumberError::Several { first: first.text, second: second.text }),
        }
    }

    fn judge(&self, amount: &Amount<'_>) -> Option<Found> {
        let text = amount.text.to_owned();
        let reading = read(amount);
        if reading == Reading::Other {
            return None;
        }
        let said = match (self.form, reading) {
            (Some((form, example)), _) => {
                form.read(amount).ok_or_else(|| NumberError::OtherForm { text: text.clone(), form: example.to_owned() })
            }
            (None, Reading::Value(value)) => Ok(value),
            (None, Reading::Two(whole, _)) if self.kind == Kind::Price => {
                whole.parse().map_err(|_| NumberError::Malformed { text: text.clone() })
            }
            (None, Reading::Two(whole, decimal)) => {
                let word = if self.kind == Kind::Money { "to_money" } else { "to_number" };
                Err(NumberError::TwoReadings { text: text.clone(), whole, decimal, word })
            }
            (None, Reading::Other | Reading::Malformed) => Err(NumberError::Malformed { text: text.clone() }),
        };
        Some(Found { text, said })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::format_number;
    use super::*;

    fn money(text: &str) -> String {
        match to_money(text) {
            Ok(None) => "none".to_owned(),
            Ok(Some(value)) => value.to_string(),
            Err(error) => format!("{error:?}").split([' ', '{']).next().unwrap().to_owned(),
        }
    }

    #[test]
    fn money_is_read_in_every_form_with_one_reading() {
        let cases = [
            ("1.234,56", "1234.56"),
            ("1,234.56 EUR", "1234.56"),
            ("1 234,56", "1234.56"),
            ("1\u{a0}234,56 €", "1234.56"),
            ("1\u{202f}234\u{202f}567,80", "1234567.80"),
            ("CHF 1'234.50", "1234.50"),
            ("1’234.50", "1234.50"),
            ("12,34,567.00 INR", "1234567.00"),
            ("1.234.567", "1234567"),
            ("$1,000,000", "1000000"),
            ("12,-", "12"),
            ("1.190,-- €", "1190"),
            (".75 €", "0.75"),
            ("$.75", "0.75"),
            ("0.125", "0.125"),
            ("1234.567", "1234.567"),
            ("EUR5", "5"),
            ("Rs.500", "500"),
            ("US$ 12.50", "12.50"),
            ("Total due: 119,00 EUR.", "119.00"),
            ("1190.00", "1190.00"),
        ];
        for (text, expected) in cases {
            assert_eq!(money(text), expected, "{text}");
        }
    }

    #[test]
    fn a_minus_or_parentheses_make_an_amount_negative() {
        for text in [
            "-5,00",
            "−5,00",
            "- 5,00",
            "-€5.00",
            "€ -5.00",
            "-5,00 €",
            "5,00-",
            "5,00- EUR",
            "(5.00)",
            "(EUR 5.00)",
            "EUR (5.00)",
        ] {
            assert_eq!(money(text), "-5.00", "{text}");
        }
        for text in ["Total (5,00 EUR)", "net – 5,00 EUR", "* 5,00 EUR"] {
            assert_eq!(money(text), "5.00", "{text}");
        }
    }

    #[test]
    fn what_is_not_an_amount_is_left_alone() {
        for text in [
            "",
            "none",
            "A4",
            "INV-100",
            "12.12.2024",
            "2024-12-01",
            "03/04/2024",
            "10:30",
            "192.168.1.1",
            "19 %",
            "5kg",
            "file_7",
        ] {
            assert_eq!(money(text), "none", "{text}");
        }
    }

    #[test]
    fn an_amount_with_a_currency_goes_before_bare_numbers() {
        assert_eq!(money("2 items incl. 19 % VAT, 119,00 EUR, order 4711 of 12.12.2024"), "119.00");
        assert_eq!(money("119,00 EUR (119.00 EUR)"), "119.00");
        assert_eq!(money("3,49 zł 1,75 zł"), "Several");
        assert_eq!(money("5 or 6"), "Several");
        assert_eq!(money("12.00-15.00"), "Several");
    }

    #[test]
    fn an_amount_with_two_readings_is_an_error_that_says_what_to_write() {
        assert_eq!(
            to_money("Total 1.234 EUR").unwrap_err().to_string(),
            "`1.234` reads as 1234 or as 1.234; write the form: to_money(\"1.234,56\") or to_money(\"1,234.56\")"
        );
        assert_eq!(money("$699,000"), "TwoReadings");
        assert_eq!(money("1,23.45"), "Malformed");
    }

    #[test]
    fn a_price_is_the_first_amount_and_has_no_three_decimals() {
        let price = |text| to_price(text).map(|value| value.map(|value| value.to_string()));
        for (text, expected) in [
            ("$699,000", "699000"),
            ("Rp 31.500", "31500"),
            ("3,49 zł 1,75 zł", "3.49"),
            ("0,125 €", "0.125"),
            ("129.900", "129900"),
        ] {
            assert_eq!(price(text), Ok(Some(expected.to_owned())), "{text}");
        }
        assert_eq!(price("none"), Ok(None));
    }

    #[test]
    fn a_form_decides_what_a_separator_means() {
        let read = |text, form| {
            to_money_as(text, form).map(|value| value.map(|value| value.to_string())).map_err(|error| error.to_string())
        };
        let some = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(read("1.234", "1.234,56"), some("1234"));
        assert_eq!(read("1.234", "1,234.56"), some("1.234"));
        assert_eq!(read("1.234", "1234.56"), some("1.234"));
        assert_eq!(read("234,5 EUR", "1.234,56"), some("234.5"));
        assert_eq!(read("1\u{a0}234,5", "1 234,56"), some("1234.5"));
        assert_eq!(read("12.12.2024", "1.234,56"), Ok(None));
        assert_eq!(read("1,234.56", "1.234,56"), Err("`1,234.56` is not written in the form `1.234,56`".to_owned()));
        assert!(read("1", "1.234").unwrap_err().starts_with("`1.234` does not show how numbers are written"));
        assert!(read("1", "x").is_err());
    }

    #[test]
    fn a_number_may_have_a_unit_or_a_percent_sign() {
        let number = |text| to_number(text).map(|value| value.map(|value| value.to_string()));
        assert_eq!(number("5kg"), Ok(Some("5".to_owned())));
        assert_eq!(number("19,5 %"), Ok(Some("19.5".to_owned())));
        assert_eq!(number("Qty: 12 pcs"), Ok(Some("12".to_owned())));
        assert_eq!(number("none"), Ok(None));
        assert_eq!(to_number_as("1.500 Stk", "1.234,56"), Ok(Some(Decimal::from(1500))));
    }

    #[test]
    fn a_number_is_written_in_the_form_of_an_example() {
        let cases = [
            ("1190", "1,234.56", "1,190.00"),
            ("1234567.005", "1.234,56", "1.234.567,01"),
            ("-0.5", "1 234", "-1"),
            ("-1234.5", "1 234,50", "-1 234,50"),
            ("999", "1.234.567", "999"),
            ("999", "1.234", "BadForm"),
            ("-0.001", "1234.56", "0.00"),
        ];
        for (value, form, expected) in cases {
            let written = format_number(value.parse().unwrap(), form).unwrap_or_else(|_| "BadForm".to_owned());
            assert_eq!(written, expected, "{value} as {form}");
        }
    }

    #[test]
    fn long_texts_and_odd_signs_cost_linear_time_and_never_panic() {
        for text in [
            "1 ".repeat(500_000),
            "1.".repeat(500_000),
            "9".repeat(1_000_000),
            "€-(1)".repeat(200_000),
            " ".repeat(1_000_000) + "(1) ".repeat(200_000).as_str(),
            "1é,–".repeat(200_000),
        ] {
            let _ = to_money(&text);
            let _ = to_number_as(&text, "1 234,56");
        }
    }

    /// Real shop prices: `prices.json` of the folder named by `POSTROOM_CORPORA`.
    #[test]
    fn real_shop_prices_are_read_or_asked_about_but_seldom_wrong() {
        let Ok(folder) = std::env::var("POSTROOM_CORPORA") else {
            return; // skipped: POSTROOM_CORPORA is not set
        };
        let rows: Vec<serde_json::Value> =
            serde_json::from_str(&std::fs::read_to_string(std::path::Path::new(&folder).join("prices.json")).unwrap()).unwrap();
        let (mut right, mut asked, mut wrong) = (0, 0, Vec::new());
        for row in &rows {
            let raw = row["raw"].as_str().unwrap();
            let expected: Option<Decimal> = row["amount"].as_str().map(|amount| amount.parse().unwrap());
            match to_money(raw) {
                Ok(value) if value == expected => right += 1,
                Ok(value) => wrong.push(format!("{raw:?}: {value:?}, not {expected:?}")),
                Err(_) => asked += 1,
            }
        }
        assert!(right * 100 >= rows.len() * 90 && wrong.len() <= 5, "{right} right, {asked} asked, wrong: {wrong:#?}");
    }
}

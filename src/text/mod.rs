//! Reading values out of text: patterns, labelled values, amounts of money, numbers, dates, and the word that was meant.
//!
//! Pure functions on `&str`: no clock, no script types, no input or output. "Not there" is `None`; what is there but reads
//! two ways, or does not fit the form that was asked for, is an error in words that says what to write. Nothing is guessed.
//!
//! Every function's time grows linearly with its text (texts of 5 MB are meant); what is bounded instead says so.

mod amount;
mod between;
mod contact;
mod currency;
mod date;
mod date_form;
mod date_names;
mod found;
mod glob;
mod iban;
mod money;
mod nearest;
mod nearest_label;
mod number_form;
mod pattern;
mod similarity;
mod tracking;
mod value_after;
mod vat;

pub use between::{lines, text_between};
pub use contact::{emails, phones, urls};
pub use date::{DateError, add_workdays, format_date, to_date, to_date_guess, weekday};
pub use glob::like;
pub use iban::ibans;
pub use money::{to_money, to_money_as, to_number, to_number_as, to_price};
pub use nearest::{did_you_mean, nearest};
pub use nearest_label::nearest_label;
pub use number_form::{NumberError, NumberForm, format_number};
pub use pattern::{FIND_ALL_MAX, PatternError, TooManyMatches, find, find_all, groups, matches, pattern};
pub use similarity::similar;
pub use tracking::{Tracking, tracking_numbers};
pub use value_after::value_after;
pub use vat::vat_ids;

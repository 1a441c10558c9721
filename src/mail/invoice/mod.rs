//! Electronic invoices: UBL and UN/CEFACT CII (the syntaxes of EN 16931: XRechnung, Peppol, Factur-X, ZUGFeRD, the first ZUGFeRD
//! among them) and the Italian FatturaPA, all as one value.
//!
//! Nothing is worked out: a field is what the document states. Amounts are in the invoice's currency.

mod cii;
mod fattura;
mod signed;
mod ubl;

use jiff::civil::Date;
use roxmltree::Node;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::xml::{self, Below};

/// Lines of an invoice that are read.
const LINES_MAX: usize = 50_000;
/// Elements looked at to find an invoice inside of a wrapper (a Peppol envelope, say).
const WRAPPERS_MAX: usize = 200;

/// What kind of document it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvoiceKind {
    /// Something is to be paid.
    #[default]
    Invoice,
    /// Something is given back.
    #[serde(rename = "credit note")]
    CreditNote,
}

/// An invoice or a credit note.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Invoice {
    /// Invoice or credit note.
    pub kind: InvoiceKind,
    /// The document type as it stands: UNTDID 1001 (`380`, `381`, `384` …), `TD01` … in Italy.
    pub code: Option<String>,
    /// The invoice's number.
    pub number: Option<String>,
    /// The day it was issued.
    pub issued: Option<Date>,
    /// The day by which it is to be paid.
    pub due: Option<Date>,
    /// The day of delivery.
    pub delivered: Option<Date>,
    /// The first day of the period that it is for.
    pub period_start: Option<Date>,
    /// The last day of the period that it is for.
    pub period_end: Option<Date>,
    /// ISO 4217.
    pub currency: Option<String>,
    /// Who wants the money.
    pub seller: Party,
    /// Who shall pay.
    pub buyer: Party,
    /// The account to pay to, without blanks.
    pub iban: Option<String>,
    /// The bank of that account.
    pub bic: Option<String>,
    /// The text to state with the payment.
    pub payment_reference: Option<String>,
    /// The terms of payment in words.
    pub terms: Option<String>,
    /// The buyer's order.
    pub order: Option<String>,
    /// The contract.
    pub contract: Option<String>,
    /// What the buyer asked to be stated (the Leitweg-ID in Germany).
    pub buyer_reference: Option<String>,
    /// The numbers of invoices that this one corrects or follows.
    pub preceding: Vec<String>,
    /// Remarks.
    pub notes: Vec<String>,
    /// What is invoiced.
    pub lines: Vec<InvoiceLine>,
    /// Charges on the whole document; allowances are negative.
    pub charges: Vec<Charge>,
    /// The tax by rate.
    pub taxes: Vec<Tax>,
    /// The total without tax.
    pub net: Option<Decimal>,
    /// The tax.
    pub tax: Option<Decimal>,
    /// The total with tax.
    pub gross: Option<Decimal>,
    /// What has been paid.
    pub prepaid: Option<Decimal>,
    /// What is left to pay.
    pub payable: Option<Decimal>,
}

/// Seller or buyer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// The name.
    pub name: Option<String>,
    /// The number that the other side has given it.
    pub id: Option<String>,
    /// The VAT id, without blanks.
    pub vat_id: Option<String>,
    /// The tax number of its own country.
    pub tax_number: Option<String>,
    /// The number in the register of companies.
    pub registration: Option<String>,
    /// The electronic address (Peppol id, Codice Destinatario, mail address).
    pub endpoint: Option<String>,
    /// Street and number, with the lines below.
    pub street: Option<String>,
    /// The postcode.
    pub postcode: Option<String>,
    /// The city.
    pub city: Option<String>,
    /// ISO 3166: two letters.
    pub country: Option<String>,
    /// Who can be asked.
    pub contact: Option<String>,
    /// That person's mail address.
    pub email: Option<String>,
    /// That person's telephone.
    pub phone: Option<String>,
}

/// One line of an invoice.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InvoiceLine {
    /// The line's number or name.
    pub position: Option<String>,
    /// The seller's article number.
    pub article: Option<String>,
    /// The buyer's article number.
    pub buyer_article: Option<String>,
    /// The GTIN (EAN).
    pub gtin: Option<String>,
    /// What it is called.
    pub name: Option<String>,
    /// What else is said of it.
    pub description: Option<String>,
    /// How many.
    pub quantity: Option<Decimal>,
    /// Of what: UN/ECE Rec. 20 (`C62`, `H87`, `KGM` …), in Italy in words.
    pub unit: Option<String>,
    /// The net price …
    pub price: Option<Decimal>,
    /// … of so many; one where it is not stated.
    pub price_quantity: Option<Decimal>,
    /// The line's total without tax.
    pub net: Option<Decimal>,
    /// The tax rate in percent.
    pub tax_rate: Option<Decimal>,
    /// The order, or its line, that this line is for.
    pub order: Option<String>,
}

/// A charge on the whole document, or an allowance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Charge {
    /// Why.
    pub reason: Option<String>,
    /// How much; negative for an allowance.
    pub amount: Option<Decimal>,
}

/// The tax of one rate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tax {
    /// UNTDID 5305 (`S`, `Z`, `E`, `AE` …), in Italy the Natura.
    pub category: Option<String>,
    /// In percent.
    pub rate: Option<Decimal>,
    /// The amount that is taxed.
    pub net: Option<Decimal>,
    /// The tax.
    pub amount: Option<Decimal>,
}

/// Reads an invoice; `None` where the bytes are something else.
///
/// # Errors
/// It is an invoice, but cannot be read; the text says why.
pub(super) fn read(bytes: &[u8]) -> Option<Result<Invoice, String>> {
    let content = signed::content(bytes);
    let bytes = content.as_deref().unwrap_or(bytes);
    if !may_be_invoice(bytes) {
        return None;
    }
    let text = xml::decoded(bytes);
    match xml::parse(&text) {
        Ok(document) => of(document.root_element()),
        Err(reason) => Some(Err(reason)),
    }
}

/// Reads the invoice that a document is, or wraps; `None` where it is something else.
///
/// # Errors
/// It is an invoice, but cannot be read; the text says why.
pub(super) fn of(root: Node<'_, '_>) -> Option<Result<Invoice, String>> {
    let mut elements = root.descendants().filter(Node::is_element).take(WRAPPERS_MAX);
    let (root, read) = elements.find_map(|node| Some((node, reader(node)?)))?;
    Some(read(root).and_then(|invoice| {
        if invoice.lines.len() >= LINES_MAX {
            return Err(format!("it has more than {LINES_MAX} lines"));
        }
        Ok(invoice)
    }))
}

/// Cheap: whether the name of one of the roots stands at the beginning, in one or two bytes a character.
fn may_be_invoice(bytes: &[u8]) -> bool {
    let head = bytes.get(..16 * 1024).unwrap_or(bytes);
    let is_markup = head.iter().find(|byte| !byte.is_ascii_whitespace() && !matches!(byte, 0xef | 0xbb | 0xbf | 0xfe | 0xff | 0));
    if is_markup != Some(&b'<') {
        return false;
    }
    let narrow: Vec<u8> = head.iter().copied().filter(|byte| *byte != 0).collect();
    [
        "CrossIndustryInvoice",
        "CrossIndustryDocument",
        "CreditNote",
        "FatturaElettronica",
        "oasis:names:specification:ubl:schema:xsd:Invoice",
    ]
    .iter()
    .any(|root| memchr::memmem::find(&narrow, root.as_bytes()).is_some())
}

type Reader = fn(Node<'_, '_>) -> Result<Invoice, String>;

/// What else is called an invoice has none of UBL's elements.
fn reader(root: Node<'_, '_>) -> Option<Reader> {
    Some(match root.tag_name().name() {
        "Invoice" | "CreditNote" if root.first("AccountingSupplierParty|LegalMonetaryTotal").is_some() => {
            |root| Ok(ubl::invoice(root))
        }
        "CrossIndustryInvoice" | "CrossIndustryDocument" => cii::invoice,
        "FatturaElettronica" => fattura::invoice,
        _ => return None,
    })
}

/// What the codes of UNTDID 1001 mean for the money: credit notes and self-billed, factored, consolidated ones.
fn kind_of(code: Option<&str>) -> InvoiceKind {
    match code {
        Some("81" | "83" | "261" | "262" | "296" | "308" | "381" | "396" | "420" | "458" | "532" | "TD04" | "TD08") => {
            InvoiceKind::CreditNote
        }
        _ => InvoiceKind::Invoice,
    }
}

/// A day written `2024-12-01`, with or without zone or time behind it, or `20241201`.
fn date(text: &str) -> Option<Date> {
    let digits = match text.get(..10).map(str::as_bytes) {
        Some([_, _, _, _, b'-', _, _, b'-', _, _]) => text.get(..10)?.replace('-', ""),
        _ => text.get(..8)?.to_owned(),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Date::new(digits.get(..4)?.parse().ok()?, digits.get(4..6)?.parse().ok()?, digits.get(6..8)?.parse().ok()?).ok()
}

/// A number as XML Schema writes it.
fn number(text: &str) -> Option<Decimal> {
    text.parse().or_else(|_| Decimal::from_scientific(text)).ok()
}

fn date_at(node: Node<'_, '_>, path: &str) -> Option<Date> {
    node.text_at(path).as_deref().and_then(date)
}

fn number_at(node: Node<'_, '_>, path: &str) -> Option<Decimal> {
    node.text_at(path).as_deref().and_then(number)
}

fn without_blanks(text: &str) -> String {
    text.split_whitespace().collect()
}

/// What of the parts there is, one a line.
fn joined(parts: impl IntoIterator<Item = Option<String>>, between: &str) -> Option<String> {
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(between))
}

/// The first element that states the invoice's currency, else the first.
fn in_currency<'a, 'i>(amounts: &[Node<'a, 'i>], currency: Option<&str>) -> Option<Node<'a, 'i>> {
    let stated = amounts.iter().find(|amount| currency.is_some() && amount.attribute("currencyID") == currency).copied();
    stated.or_else(|| amounts.first().copied())
}

#[cfg(test)]
mod tests;

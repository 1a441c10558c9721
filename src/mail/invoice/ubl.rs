//! OASIS UBL 2: `Invoice` and `CreditNote`.

use roxmltree::Node;

use super::{Charge, Invoice, InvoiceKind, InvoiceLine, LINES_MAX, Party, Tax};
use super::{date_at, in_currency, joined, kind_of, number, number_at, without_blanks};
use crate::mail::xml::{Below, own_text};

pub(super) fn invoice(root: Node<'_, '_>) -> Invoice {
    let is_credit_note = root.tag_name().name() == "CreditNote";
    let code = root.text_at("InvoiceTypeCode|CreditNoteTypeCode");
    let currency = root.text_at("DocumentCurrencyCode");
    let tax = tax_total(root, currency.as_deref());
    Invoice {
        kind: if is_credit_note { InvoiceKind::CreditNote } else { kind_of(code.as_deref()) },
        code,
        number: root.text_at("ID"),
        issued: date_at(root, "IssueDate"),
        due: date_at(root, "DueDate").or_else(|| date_at(root, "PaymentMeans/PaymentDueDate")),
        delivered: date_at(root, "Delivery/ActualDeliveryDate"),
        period_start: date_at(root, "InvoicePeriod/StartDate"),
        period_end: date_at(root, "InvoicePeriod/EndDate"),
        seller: root.first("AccountingSupplierParty/Party").map(party).unwrap_or_default(),
        buyer: root.first("AccountingCustomerParty/Party").map(party).unwrap_or_default(),
        iban: root.text_at("PaymentMeans/PayeeFinancialAccount/ID").as_deref().map(without_blanks),
        bic: root.text_at("PaymentMeans/PayeeFinancialAccount/FinancialInstitutionBranch/ID"),
        payment_reference: root.text_at("PaymentMeans/PaymentID"),
        terms: root.text_at("PaymentTerms/Note"),
        order: root.text_at("OrderReference/ID"),
        contract: root.text_at("ContractDocumentReference/ID"),
        buyer_reference: root.text_at("BuyerReference"),
        preceding: texts(root, "BillingReference/InvoiceDocumentReference|CreditNoteDocumentReference/ID"),
        notes: texts(root, "Note"),
        lines: root.all("InvoiceLine|CreditNoteLine").into_iter().take(LINES_MAX).map(line).collect(),
        charges: root.all("AllowanceCharge").into_iter().map(charge).collect(),
        taxes: tax.map(|tax| tax.all("TaxSubtotal").into_iter().map(subtotal).collect()).unwrap_or_default(),
        net: number_at(root, "LegalMonetaryTotal/TaxExclusiveAmount"),
        tax: tax.and_then(|tax| number_at(tax, "TaxAmount")),
        gross: number_at(root, "LegalMonetaryTotal/TaxInclusiveAmount"),
        prepaid: number_at(root, "LegalMonetaryTotal/PrepaidAmount"),
        payable: number_at(root, "LegalMonetaryTotal/PayableAmount"),
        currency,
    }
}

fn texts(root: Node<'_, '_>, path: &str) -> Vec<String> {
    root.all(path).into_iter().filter_map(own_text).collect()
}

/// The total in the invoice's currency; a second one may be in that of the tax office.
fn tax_total<'a, 'i>(root: Node<'a, 'i>, currency: Option<&str>) -> Option<Node<'a, 'i>> {
    let amount = in_currency(&root.all("TaxTotal/TaxAmount"), currency)?;
    amount.parent_element()
}

fn subtotal(node: Node<'_, '_>) -> Tax {
    Tax {
        category: node.text_at("TaxCategory/ID"),
        rate: number_at(node, "TaxCategory/Percent").or_else(|| number_at(node, "Percent")),
        net: number_at(node, "TaxableAmount"),
        amount: number_at(node, "TaxAmount"),
    }
}

fn charge(node: Node<'_, '_>) -> Charge {
    let amount = number_at(node, "Amount");
    let is_charge = node.text_at("ChargeIndicator").is_some_and(|text| matches!(text.as_str(), "true" | "1"));
    Charge {
        reason: node.text_at("AllowanceChargeReason").or_else(|| node.text_at("AllowanceChargeReasonCode")),
        amount: if is_charge { amount } else { amount.map(|amount| -amount) },
    }
}

fn party(node: Node<'_, '_>) -> Party {
    let mut party = Party {
        name: node.text_at("PartyLegalEntity/RegistrationName").or_else(|| node.text_at("PartyName/Name")),
        id: node.text_at("PartyIdentification/ID"),
        registration: node.text_at("PartyLegalEntity/CompanyID"),
        endpoint: node.text_at("EndpointID"),
        street: joined(
            ["StreetName", "BuildingNumber", "AdditionalStreetName", "AddressLine/Line"]
                .map(|name| node.text_at(&format!("PostalAddress/{name}"))),
            "\n",
        ),
        postcode: node.text_at("PostalAddress/PostalZone"),
        city: node.text_at("PostalAddress/CityName"),
        country: node.text_at("PostalAddress/Country/IdentificationCode"),
        contact: node.text_at("Contact/Name"),
        email: node.text_at("Contact/ElectronicMail"),
        phone: node.text_at("Contact/Telephone"),
        ..Party::default()
    };
    for scheme in node.all("PartyTaxScheme") {
        let Some(id) = scheme.text_at("CompanyID") else { continue };
        match scheme.text_at("TaxScheme/ID").as_deref() {
            Some("VAT") | None => party.vat_id = Some(without_blanks(&id)),
            Some(_) => party.tax_number = Some(id),
        }
    }
    party
}

fn line(node: Node<'_, '_>) -> InvoiceLine {
    let quantity = node.first("InvoicedQuantity|CreditedQuantity");
    InvoiceLine {
        position: node.text_at("ID"),
        article: node.text_at("Item/SellersItemIdentification/ID"),
        buyer_article: node.text_at("Item/BuyersItemIdentification/ID"),
        gtin: node.text_at("Item/StandardItemIdentification/ID"),
        name: node.text_at("Item/Name"),
        description: node.text_at("Item/Description"),
        quantity: quantity.and_then(own_text).as_deref().and_then(number),
        unit: quantity.and_then(|quantity| quantity.attribute("unitCode")).map(str::to_owned),
        price: number_at(node, "Price/PriceAmount"),
        price_quantity: number_at(node, "Price/BaseQuantity"),
        net: number_at(node, "LineExtensionAmount"),
        tax_rate: number_at(node, "Item/ClassifiedTaxCategory/Percent"),
        order: node.text_at("OrderLineReference/OrderReference/ID").or_else(|| node.text_at("OrderLineReference/LineID")),
    }
}

//! Electronic invoices.

use super::told::{day, each, facts, number, one, text, texts};
use crate::mail::{Charge, Invoice, InvoiceKind, InvoiceLine, Party, Tax};

facts! { "invoice";
    invoice: Invoice, one "mail.attachment(\"*.xml\").invoice" {
        kind -> text: "\"invoice\" or \"credit note\"", |it| text(Some(&kind(it.value.kind).to_owned()));
        code -> text: "The type of document: 380, 381 …, in Italy TD01 …", |it| text(it.value.code.as_ref());
        number -> text: "The invoice's number", |it| text(it.value.number.as_ref());
        issued -> day: "The day of the invoice", |it| day(it.value.issued);
        due -> day: "The day by which it is to be paid", |it| day(it.value.due);
        delivered -> day: "The day of delivery", |it| day(it.value.delivered);
        period_start -> day: "The first day of what it is for", |it| day(it.value.period_start);
        period_end -> day: "The last day of what it is for", |it| day(it.value.period_end);
        currency -> text: "EUR, USD …", |it| text(it.value.currency.as_ref());
        seller -> party: "Who wants the money", |it| one(it.value.seller.clone(), &it.zone);
        buyer -> party: "Who shall pay", |it| one(it.value.buyer.clone(), &it.zone);
        iban -> text: "The account to pay to, without blanks", |it| text(it.value.iban.as_ref());
        bic -> text: "The bank of that account", |it| text(it.value.bic.as_ref());
        payment_reference -> text: "The text to pay with", |it| text(it.value.payment_reference.as_ref());
        terms -> text: "The terms of payment in words", |it| text(it.value.terms.as_ref());
        order -> text: "The buyer's order", |it| text(it.value.order.as_ref());
        contract -> text: "The contract", |it| text(it.value.contract.as_ref());
        buyer_reference -> text: "What the buyer asked to be stated, the Leitweg-ID in Germany", |it| text(it.value.buyer_reference.as_ref());
        preceding -> list: "The numbers of invoices that it corrects", |it| texts(&it.value.preceding);
        notes -> list: "Remarks", |it| texts(&it.value.notes);
        lines -> list: "What is invoiced, line by line", |it| each(&it.value.lines, &it.zone);
        charges -> list: "Charges on the whole invoice; allowances are negative", |it| each(&it.value.charges, &it.zone);
        taxes -> list: "The tax by rate", |it| each(&it.value.taxes, &it.zone);
        net -> number: "The total without tax", |it| number(it.value.net);
        tax -> number: "The tax", |it| number(it.value.tax);
        gross -> number: "The total with tax", |it| number(it.value.gross);
        prepaid -> number: "What has been paid", |it| number(it.value.prepaid);
        payable -> number: "What is left to pay", |it| number(it.value.payable);
    }
    party: Party, one "mail.attachment(\"*.xml\").invoice.seller" {
        name -> text: "The name", |it| text(it.value.name.as_ref());
        id -> text: "The number that the other side has given it", |it| text(it.value.id.as_ref());
        vat_id -> text: "The VAT id, without blanks", |it| text(it.value.vat_id.as_ref());
        tax_number -> text: "The tax number of its own country", |it| text(it.value.tax_number.as_ref());
        registration -> text: "The number in the register of companies", |it| text(it.value.registration.as_ref());
        endpoint -> text: "The electronic address: a Peppol id, a mail address", |it| text(it.value.endpoint.as_ref());
        street -> text: "Street and number", |it| text(it.value.street.as_ref());
        postcode -> text: "The postcode", |it| text(it.value.postcode.as_ref());
        city -> text: "The city", |it| text(it.value.city.as_ref());
        country -> text: "The country in two letters", |it| text(it.value.country.as_ref());
        contact -> text: "Who can be asked", |it| text(it.value.contact.as_ref());
        email -> text: "That person's mail address", |it| text(it.value.email.as_ref());
        phone -> text: "That person's telephone", |it| text(it.value.phone.as_ref());
    }
    line: InvoiceLine, each "mail.attachment(\"*.xml\").invoice.lines" {
        position -> text: "The line's number or name", |it| text(it.value.position.as_ref());
        article -> text: "The seller's article number", |it| text(it.value.article.as_ref());
        buyer_article -> text: "The buyer's article number", |it| text(it.value.buyer_article.as_ref());
        gtin -> text: "The GTIN (EAN)", |it| text(it.value.gtin.as_ref());
        name -> text: "What it is called", |it| text(it.value.name.as_ref());
        description -> text: "What else is said of it", |it| text(it.value.description.as_ref());
        quantity -> number: "How many", |it| number(it.value.quantity);
        unit -> text: "Of what: H87 and C62 are pieces, KGM kilograms", |it| text(it.value.unit.as_ref());
        price -> number: "The net price", |it| number(it.value.price);
        price_quantity -> number: "For how many the price is; one where it is not stated", |it| number(it.value.price_quantity);
        net -> number: "The line's total without tax", |it| number(it.value.net);
        tax_rate -> number: "The tax rate in percent", |it| number(it.value.tax_rate);
        order -> text: "The order, or its line, that the line is for", |it| text(it.value.order.as_ref());
    }
    charge: Charge, each "mail.attachment(\"*.xml\").invoice.charges" {
        reason -> text: "What for", |it| text(it.value.reason.as_ref());
        amount -> number: "How much; negative for an allowance", |it| number(it.value.amount);
    }
    tax: Tax, each "mail.attachment(\"*.xml\").invoice.taxes" {
        category -> text: "S, Z, E, AE …, in Italy the Natura", |it| text(it.value.category.as_ref());
        rate -> number: "In percent", |it| number(it.value.rate);
        net -> number: "What is taxed", |it| number(it.value.net);
        amount -> number: "The tax", |it| number(it.value.amount);
    }
}

fn kind(kind: InvoiceKind) -> &'static str {
    match kind {
        InvoiceKind::Invoice => "invoice",
        InvoiceKind::CreditNote => "credit note",
    }
}

//! FatturaPA, the Italian electronic invoice (specifiche tecniche 1.2 and later).

use roxmltree::Node;
use rust_decimal::Decimal;

use super::{Charge, Invoice, InvoiceLine, LINES_MAX, Party, Tax};
use super::{date_at, joined, kind_of, number_at, without_blanks};
use crate::mail::xml::{Below, own_text};

pub(super) fn invoice(root: Node<'_, '_>) -> Result<Invoice, String> {
    let bodies = root.all("FatturaElettronicaBody");
    let [body] = bodies.as_slice() else {
        return Err(format!("it holds {} invoices; one is read", bodies.len()));
    };
    let header = root.first("FatturaElettronicaHeader").ok_or("its invoice has no header")?;
    let document = body.first("DatiGenerali/DatiGeneraliDocumento").ok_or("its invoice has no general data")?;
    let sent_to = header.text_at("DatiTrasmissione/CodiceDestinatario").filter(|code| code != "0000000");
    let payment = |name: &str| body.text_at(&format!("DatiPagamento/DettaglioPagamento/{name}"));
    let general = |name: &str| body.text_at(&format!("DatiGenerali/{name}"));
    let preceding = body.all("DatiGenerali/DatiFattureCollegate/IdDocumento");
    let taxes: Vec<Tax> = body.all("DatiBeniServizi/DatiRiepilogo").into_iter().map(tax).collect();
    let code = document.text_at("TipoDocumento");
    let (net, tax) = (sum(taxes.iter().map(|tax| tax.net)), sum(taxes.iter().map(|tax| tax.amount)));
    let gross = number_at(document, "ImportoTotaleDocumento").or_else(|| net?.checked_add(tax?));
    let instalments = body.all("DatiPagamento/DettaglioPagamento");
    Ok(Invoice {
        kind: kind_of(code.as_deref()),
        code,
        number: document.text_at("Numero"),
        issued: date_at(document, "Data"),
        due: date_at(*body, "DatiPagamento/DettaglioPagamento/DataScadenzaPagamento"),
        delivered: date_at(*body, "DatiGenerali/DatiTrasporto/DataOraConsegna"),
        currency: document.text_at("Divisa"),
        seller: header.first("CedentePrestatore").map(party).unwrap_or_default(),
        buyer: Party {
            endpoint: sent_to.or_else(|| header.text_at("DatiTrasmissione/PECDestinatario")),
            ..header.first("CessionarioCommittente").map(party).unwrap_or_default()
        },
        iban: payment("IBAN").as_deref().map(without_blanks),
        bic: payment("BIC"),
        payment_reference: payment("CodicePagamento"),
        order: general("DatiOrdineAcquisto/IdDocumento"),
        contract: general("DatiContratto/IdDocumento"),
        preceding: preceding.into_iter().filter_map(own_text).collect(),
        notes: document.all("Causale").into_iter().filter_map(own_text).collect(),
        lines: body.all("DatiBeniServizi/DettaglioLinee").into_iter().take(LINES_MAX).map(line).collect(),
        charges: document.all("ScontoMaggiorazione").into_iter().map(charge).collect(),
        taxes,
        net,
        tax,
        gross,
        payable: sum(instalments.into_iter().map(|part| number_at(part, "ImportoPagamento"))).or(gross),
        ..Invoice::default()
    })
}

/// The sum of what is stated; `None` when nothing is, or when it is beyond all measure.
fn sum(amounts: impl Iterator<Item = Option<Decimal>>) -> Option<Decimal> {
    let mut stated = amounts.flatten().peekable();
    stated.peek()?;
    stated.try_fold(Decimal::ZERO, Decimal::checked_add)
}

fn party(node: Node<'_, '_>) -> Party {
    let person = |name: &str| node.text_at(&format!("DatiAnagrafici/Anagrafica/{name}"));
    let seat = |name: &str| node.text_at(&format!("Sede/{name}"));
    let vat = |name: &str| node.text_at(&format!("DatiAnagrafici/IdFiscaleIVA/{name}"));
    Party {
        name: person("Denominazione").or_else(|| joined([person("Nome"), person("Cognome")], " ")),
        vat_id: joined([vat("IdPaese"), vat("IdCodice")], ""),
        tax_number: node.text_at("DatiAnagrafici/CodiceFiscale"),
        registration: joined([node.text_at("IscrizioneREA/Ufficio"), node.text_at("IscrizioneREA/NumeroREA")], " "),
        street: joined([seat("Indirizzo"), seat("NumeroCivico")], " "),
        postcode: seat("CAP"),
        city: seat("Comune"),
        country: seat("Nazione"),
        email: node.text_at("Contatti/Email"),
        phone: node.text_at("Contatti/Telefono"),
        ..Party::default()
    }
}

fn line(node: Node<'_, '_>) -> InvoiceLine {
    let gtin = node
        .all("CodiceArticolo")
        .into_iter()
        .find(|code| code.text_at("CodiceTipo").is_some_and(|kind| matches!(kind.to_ascii_uppercase().as_str(), "EAN" | "GTIN")));
    InvoiceLine {
        position: node.text_at("NumeroLinea"),
        article: node.text_at("CodiceArticolo/CodiceValore"),
        gtin: gtin.and_then(|code| code.text_at("CodiceValore")),
        name: node.text_at("Descrizione"),
        quantity: number_at(node, "Quantita"),
        unit: node.text_at("UnitaMisura"),
        price: number_at(node, "PrezzoUnitario"),
        net: number_at(node, "PrezzoTotale"),
        tax_rate: number_at(node, "AliquotaIVA"),
        ..InvoiceLine::default()
    }
}

fn charge(node: Node<'_, '_>) -> Charge {
    let amount = number_at(node, "Importo");
    let is_discount = node.text_at("Tipo").as_deref() == Some("SC");
    Charge { reason: None, amount: if is_discount { amount.map(|amount| -amount) } else { amount } }
}

fn tax(node: Node<'_, '_>) -> Tax {
    Tax {
        category: node.text_at("Natura"),
        rate: number_at(node, "AliquotaIVA"),
        net: number_at(node, "ImponibileImporto"),
        amount: number_at(node, "Imposta"),
    }
}

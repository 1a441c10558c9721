//! UN/CEFACT Cross Industry Invoice: version 100 (Factur-X, ZUGFeRD 2, XRechnung), and the one before it (ZUGFeRD 1).

use roxmltree::Node;

use super::{Charge, Invoice, InvoiceLine, LINES_MAX, Party, Tax};
use super::{date_at, in_currency, joined, kind_of, number, number_at, without_blanks};
use crate::mail::xml::{Below, own_text};

pub(super) fn invoice(root: Node<'_, '_>) -> Result<Invoice, String> {
    let document = root.first("ExchangedDocument|HeaderExchangedDocument").ok_or("its invoice has no header")?;
    let transaction = root
        .first("SupplyChainTradeTransaction|SpecifiedSupplyChainTradeTransaction")
        .ok_or("its invoice has nothing but a header")?;
    // An invoice without one of the three blocks has nothing of what stands in it.
    let block = |name: &str| transaction.first(name).unwrap_or(transaction);
    let agreement = block("ApplicableHeaderTradeAgreement|ApplicableSupplyChainTradeAgreement");
    let delivery = block("ApplicableHeaderTradeDelivery|ApplicableSupplyChainTradeDelivery");
    let settlement = block("ApplicableHeaderTradeSettlement|ApplicableSupplyChainTradeSettlement");
    let code = document.text_at("TypeCode");
    let lines = transaction.all("IncludedSupplyChainTradeLineItem").into_iter().take(LINES_MAX);
    Ok(Invoice {
        kind: kind_of(code.as_deref()),
        code,
        number: document.text_at("ID"),
        issued: date_at(document, "IssueDateTime/DateTimeString|DateTime"),
        notes: document.all("IncludedNote/Content").into_iter().filter_map(own_text).collect(),
        seller: agreement.first("SellerTradeParty").map(party).unwrap_or_default(),
        buyer: agreement.first("BuyerTradeParty").map(party).unwrap_or_default(),
        buyer_reference: agreement.text_at("BuyerReference"),
        order: agreement.text_at("BuyerOrderReferencedDocument/IssuerAssignedID|ID"),
        contract: agreement.text_at("ContractReferencedDocument/IssuerAssignedID|ID"),
        delivered: date_at(delivery, "ActualDeliverySupplyChainEvent/OccurrenceDateTime/DateTimeString|DateTime"),
        lines: lines.map(line).collect(),
        ..settled(settlement)
    })
}

/// What the settlement says: money, taxes, when and where to pay.
fn settled(settlement: Node<'_, '_>) -> Invoice {
    let currency = settlement.text_at("InvoiceCurrencyCode");
    let sums = "SpecifiedTradeSettlementHeaderMonetarySummation|SpecifiedTradeSettlementMonetarySummation";
    let sum = |name: &str| {
        let stated = in_currency(&settlement.all(&format!("{sums}/{name}")), currency.as_deref());
        stated.and_then(own_text).as_deref().and_then(number)
    };
    let means = "SpecifiedTradeSettlementPaymentMeans";
    let terms: Vec<String> = settlement.all("SpecifiedTradePaymentTerms/Description").into_iter().filter_map(own_text).collect();
    let preceding = settlement.all("InvoiceReferencedDocument/IssuerAssignedID|ID");
    Invoice {
        due: date_at(settlement, "SpecifiedTradePaymentTerms/DueDateDateTime/DateTimeString|DateTime"),
        period_start: date_at(settlement, "BillingSpecifiedPeriod/StartDateTime/DateTimeString|DateTime"),
        period_end: date_at(settlement, "BillingSpecifiedPeriod/EndDateTime/DateTimeString|DateTime"),
        iban: settlement
            .text_at(&format!("{means}/PayeePartyCreditorFinancialAccount/IBANID"))
            .or_else(|| settlement.text_at(&format!("{means}/PayeePartyCreditorFinancialAccount/ProprietaryID")))
            .as_deref()
            .map(without_blanks),
        bic: settlement.text_at(&format!("{means}/PayeeSpecifiedCreditorFinancialInstitution/BICID")),
        payment_reference: settlement.text_at("PaymentReference"),
        terms: (!terms.is_empty()).then(|| terms.join("\n")),
        preceding: preceding.into_iter().filter_map(own_text).collect(),
        charges: settlement.all("SpecifiedTradeAllowanceCharge").into_iter().map(charge).collect(),
        taxes: settlement.all("ApplicableTradeTax").into_iter().map(tax).collect(),
        net: sum("TaxBasisTotalAmount"),
        tax: sum("TaxTotalAmount"),
        gross: sum("GrandTotalAmount"),
        prepaid: sum("TotalPrepaidAmount"),
        // The smallest profiles of the first version state only what the whole comes to.
        payable: sum("DuePayableAmount").or_else(|| sum("GrandTotalAmount")),
        currency,
        ..Invoice::default()
    }
}

fn tax(node: Node<'_, '_>) -> Tax {
    Tax {
        category: node.text_at("CategoryCode"),
        rate: number_at(node, "RateApplicablePercent|ApplicablePercent"),
        net: number_at(node, "BasisAmount"),
        amount: number_at(node, "CalculatedAmount"),
    }
}

fn charge(node: Node<'_, '_>) -> Charge {
    let amount = number_at(node, "ActualAmount");
    let is_charge = node
        .text_at("ChargeIndicator/Indicator")
        .or_else(|| node.text_at("ChargeIndicator"))
        .is_some_and(|text| matches!(text.as_str(), "true" | "1"));
    Charge {
        reason: node.text_at("Reason").or_else(|| node.text_at("ReasonCode")),
        amount: if is_charge { amount } else { amount.map(|amount| -amount) },
    }
}

fn party(node: Node<'_, '_>) -> Party {
    let address = "PostalTradeAddress";
    let contact = "DefinedTradeContact";
    let mut party = Party {
        name: node.text_at("Name"),
        id: node.text_at("ID").or_else(|| node.text_at("GlobalID")),
        registration: node.text_at("SpecifiedLegalOrganization/ID"),
        endpoint: node.text_at("URIUniversalCommunication/URIID"),
        street: joined(["LineOne", "LineTwo", "LineThree"].map(|name| node.text_at(&format!("{address}/{name}"))), "\n"),
        postcode: node.text_at(&format!("{address}/PostcodeCode")),
        city: node.text_at(&format!("{address}/CityName")),
        country: node.text_at(&format!("{address}/CountryID")),
        contact: node.text_at(&format!("{contact}/PersonName|DepartmentName")),
        email: node.text_at(&format!("{contact}/EmailURIUniversalCommunication/URIID|CompleteNumber")),
        phone: node.text_at(&format!("{contact}/TelephoneUniversalCommunication/CompleteNumber")),
        ..Party::default()
    };
    for id in node.all("SpecifiedTaxRegistration/ID") {
        let Some(text) = own_text(id) else { continue };
        match id.attribute("schemeID") {
            Some("FC") => party.tax_number = Some(text),
            _ => party.vat_id = Some(without_blanks(&text)),
        }
    }
    party
}

fn line(node: Node<'_, '_>) -> InvoiceLine {
    let product = |name: &str| node.text_at(&format!("SpecifiedTradeProduct/{name}"));
    let agreement = "SpecifiedLineTradeAgreement|SpecifiedSupplyChainTradeAgreement";
    let settlement = "SpecifiedLineTradeSettlement|SpecifiedSupplyChainTradeSettlement";
    let quantity = node.first("SpecifiedLineTradeDelivery|SpecifiedSupplyChainTradeDelivery/BilledQuantity");
    let order = format!("{agreement}/BuyerOrderReferencedDocument");
    InvoiceLine {
        position: node.text_at("AssociatedDocumentLineDocument/LineID"),
        article: product("SellerAssignedID"),
        buyer_article: product("BuyerAssignedID"),
        gtin: product("GlobalID"),
        // A line of the first version may be nothing but a remark.
        name: product("Name").or_else(|| node.text_at("AssociatedDocumentLineDocument/IncludedNote/Content")),
        description: product("Description"),
        quantity: quantity.and_then(own_text).as_deref().and_then(number),
        unit: quantity.and_then(|quantity| quantity.attribute("unitCode")).map(str::to_owned),
        price: number_at(node, &format!("{agreement}/NetPriceProductTradePrice/ChargeAmount")),
        price_quantity: number_at(node, &format!("{agreement}/NetPriceProductTradePrice/BasisQuantity")),
        net: number_at(
            node,
            &format!(
                "{settlement}/SpecifiedTradeSettlementLineMonetarySummation|SpecifiedTradeSettlementMonetarySummation/LineTotalAmount"
            ),
        ),
        tax_rate: number_at(node, &format!("{settlement}/ApplicableTradeTax/RateApplicablePercent|ApplicablePercent")),
        order: node.text_at(&format!("{order}/IssuerAssignedID|ID")).or_else(|| node.text_at(&format!("{order}/LineID"))),
    }
}

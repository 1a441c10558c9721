//! One invoice told in each syntax.
#![allow(clippy::unwrap_used, clippy::unnecessary_wraps)]

use jiff::civil::date;

use super::*;

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn amount(text: &str) -> Option<Decimal> {
    text.parse().ok()
}

const UBL: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<ubl:Invoice xmlns:ubl="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2" xmlns:cac="urn:a" xmlns:cbc="urn:b">
  <cbc:ID>FA-1</cbc:ID><cbc:IssueDate>2026-11-02</cbc:IssueDate><cbc:DueDate>2026-12-02+01:00</cbc:DueDate>
  <cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode><cbc:Note>Thank you</cbc:Note>
  <cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode><cbc:BuyerReference>04011000-12345-03</cbc:BuyerReference>
  <cac:OrderReference><cbc:ID>PO-7</cbc:ID></cac:OrderReference>
  <cac:BillingReference><cac:InvoiceDocumentReference><cbc:ID>FA-0</cbc:ID></cac:InvoiceDocumentReference></cac:BillingReference>
  <cac:ContractDocumentReference><cbc:ID>C-3</cbc:ID></cac:ContractDocumentReference>
  <cac:AccountingSupplierParty><cac:Party><cbc:EndpointID schemeID="EM">billing@fabrikam.com</cbc:EndpointID>
    <cac:PostalAddress><cbc:StreetName>Hafenstr. 1</cbc:StreetName><cbc:CityName>Kiel</cbc:CityName><cbc:PostalZone>24103</cbc:PostalZone>
      <cac:Country><cbc:IdentificationCode>DE</cbc:IdentificationCode></cac:Country></cac:PostalAddress>
    <cac:PartyTaxScheme><cbc:CompanyID>DE 123456789</cbc:CompanyID><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme>
    <cac:PartyTaxScheme><cbc:CompanyID>20/123</cbc:CompanyID><cac:TaxScheme><cbc:ID>FC</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme>
    <cac:PartyLegalEntity><cbc:RegistrationName>Fabrikam GmbH</cbc:RegistrationName></cac:PartyLegalEntity></cac:Party></cac:AccountingSupplierParty>
  <cac:AccountingCustomerParty><cac:Party><cac:PartyName><cbc:Name>Contoso</cbc:Name></cac:PartyName></cac:Party></cac:AccountingCustomerParty>
  <cac:Delivery><cbc:ActualDeliveryDate>2026-10-30</cbc:ActualDeliveryDate></cac:Delivery>
  <cac:PaymentMeans><cbc:PaymentID>FA-1/10090</cbc:PaymentID><cac:PayeeFinancialAccount><cbc:ID>DE75 5121 0800 1245 1261 99</cbc:ID>
    <cac:FinancialInstitutionBranch><cbc:ID>SOGEDEFF</cbc:ID></cac:FinancialInstitutionBranch></cac:PayeeFinancialAccount></cac:PaymentMeans>
  <cac:AllowanceCharge><cbc:ChargeIndicator>false</cbc:ChargeIndicator><cbc:AllowanceChargeReason>Discount</cbc:AllowanceChargeReason><cbc:Amount>10.00</cbc:Amount></cac:AllowanceCharge>
  <cac:TaxTotal><cbc:TaxAmount currencyID="GBP">15.00</cbc:TaxAmount></cac:TaxTotal>
  <cac:TaxTotal><cbc:TaxAmount currencyID="EUR">17.10</cbc:TaxAmount><cac:TaxSubtotal><cbc:TaxableAmount>90.00</cbc:TaxableAmount>
    <cbc:TaxAmount>17.10</cbc:TaxAmount><cac:TaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>19</cbc:Percent></cac:TaxCategory></cac:TaxSubtotal></cac:TaxTotal>
  <cac:LegalMonetaryTotal><cbc:TaxExclusiveAmount>90.00</cbc:TaxExclusiveAmount><cbc:TaxInclusiveAmount>107.10</cbc:TaxInclusiveAmount>
    <cbc:PrepaidAmount>7.10</cbc:PrepaidAmount><cbc:PayableAmount>100.00</cbc:PayableAmount></cac:LegalMonetaryTotal>
  <cac:InvoiceLine><cbc:ID>1</cbc:ID><cbc:InvoicedQuantity unitCode="H87">4</cbc:InvoicedQuantity><cbc:LineExtensionAmount>100.00</cbc:LineExtensionAmount>
    <cac:Item><cbc:Name>Hose</cbc:Name><cac:SellersItemIdentification><cbc:ID>H-1</cbc:ID></cac:SellersItemIdentification>
      <cac:ClassifiedTaxCategory><cbc:Percent>19</cbc:Percent></cac:ClassifiedTaxCategory></cac:Item>
    <cac:Price><cbc:PriceAmount>25.00</cbc:PriceAmount></cac:Price></cac:InvoiceLine>
</ubl:Invoice>"#;

const CII: &str = r#"<rsm:CrossIndustryInvoice xmlns:rsm="urn:x" xmlns:ram="urn:y" xmlns:udt="urn:z">
  <rsm:ExchangedDocument><ram:ID>FA-1</ram:ID><ram:TypeCode>380</ram:TypeCode>
    <ram:IssueDateTime><udt:DateTimeString format="102">20261102</udt:DateTimeString></ram:IssueDateTime>
    <ram:IncludedNote><ram:Content>Thank you</ram:Content></ram:IncludedNote></rsm:ExchangedDocument>
  <rsm:SupplyChainTradeTransaction>
    <ram:IncludedSupplyChainTradeLineItem><ram:AssociatedDocumentLineDocument><ram:LineID>1</ram:LineID></ram:AssociatedDocumentLineDocument>
      <ram:SpecifiedTradeProduct><ram:SellerAssignedID>H-1</ram:SellerAssignedID><ram:Name>Hose</ram:Name></ram:SpecifiedTradeProduct>
      <ram:SpecifiedLineTradeAgreement><ram:NetPriceProductTradePrice><ram:ChargeAmount>25.00</ram:ChargeAmount></ram:NetPriceProductTradePrice></ram:SpecifiedLineTradeAgreement>
      <ram:SpecifiedLineTradeDelivery><ram:BilledQuantity unitCode="H87">4</ram:BilledQuantity></ram:SpecifiedLineTradeDelivery>
      <ram:SpecifiedLineTradeSettlement><ram:ApplicableTradeTax><ram:RateApplicablePercent>19</ram:RateApplicablePercent></ram:ApplicableTradeTax>
        <ram:SpecifiedTradeSettlementLineMonetarySummation><ram:LineTotalAmount>100.00</ram:LineTotalAmount></ram:SpecifiedTradeSettlementLineMonetarySummation></ram:SpecifiedLineTradeSettlement>
    </ram:IncludedSupplyChainTradeLineItem>
    <ram:ApplicableHeaderTradeAgreement><ram:BuyerReference>04011000-12345-03</ram:BuyerReference>
      <ram:SellerTradeParty><ram:Name>Fabrikam GmbH</ram:Name>
        <ram:PostalTradeAddress><ram:PostcodeCode>24103</ram:PostcodeCode><ram:LineOne>Hafenstr. 1</ram:LineOne><ram:CityName>Kiel</ram:CityName><ram:CountryID>DE</ram:CountryID></ram:PostalTradeAddress>
        <ram:URIUniversalCommunication><ram:URIID schemeID="EM">billing@fabrikam.com</ram:URIID></ram:URIUniversalCommunication>
        <ram:SpecifiedTaxRegistration><ram:ID schemeID="FC">20/123</ram:ID></ram:SpecifiedTaxRegistration>
        <ram:SpecifiedTaxRegistration><ram:ID schemeID="VA">DE123456789</ram:ID></ram:SpecifiedTaxRegistration></ram:SellerTradeParty>
      <ram:BuyerTradeParty><ram:Name>Contoso</ram:Name></ram:BuyerTradeParty>
      <ram:BuyerOrderReferencedDocument><ram:IssuerAssignedID>PO-7</ram:IssuerAssignedID></ram:BuyerOrderReferencedDocument>
      <ram:ContractReferencedDocument><ram:IssuerAssignedID>C-3</ram:IssuerAssignedID></ram:ContractReferencedDocument></ram:ApplicableHeaderTradeAgreement>
    <ram:ApplicableHeaderTradeDelivery><ram:ActualDeliverySupplyChainEvent><ram:OccurrenceDateTime><udt:DateTimeString format="102">20261030</udt:DateTimeString></ram:OccurrenceDateTime></ram:ActualDeliverySupplyChainEvent></ram:ApplicableHeaderTradeDelivery>
    <ram:ApplicableHeaderTradeSettlement><ram:PaymentReference>FA-1/10090</ram:PaymentReference><ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode>
      <ram:SpecifiedTradeSettlementPaymentMeans><ram:PayeePartyCreditorFinancialAccount><ram:IBANID>DE75512108001245126199</ram:IBANID></ram:PayeePartyCreditorFinancialAccount>
        <ram:PayeeSpecifiedCreditorFinancialInstitution><ram:BICID>SOGEDEFF</ram:BICID></ram:PayeeSpecifiedCreditorFinancialInstitution></ram:SpecifiedTradeSettlementPaymentMeans>
      <ram:ApplicableTradeTax><ram:CalculatedAmount>17.10</ram:CalculatedAmount><ram:TypeCode>VAT</ram:TypeCode><ram:BasisAmount>90.00</ram:BasisAmount><ram:CategoryCode>S</ram:CategoryCode><ram:RateApplicablePercent>19</ram:RateApplicablePercent></ram:ApplicableTradeTax>
      <ram:SpecifiedTradeAllowanceCharge><ram:ChargeIndicator><udt:Indicator>false</udt:Indicator></ram:ChargeIndicator><ram:ActualAmount>10.00</ram:ActualAmount><ram:Reason>Discount</ram:Reason></ram:SpecifiedTradeAllowanceCharge>
      <ram:SpecifiedTradePaymentTerms><ram:DueDateDateTime><udt:DateTimeString format="102">20261202</udt:DateTimeString></ram:DueDateDateTime></ram:SpecifiedTradePaymentTerms>
      <ram:SpecifiedTradeSettlementHeaderMonetarySummation><ram:LineTotalAmount>100.00</ram:LineTotalAmount><ram:TaxBasisTotalAmount>90.00</ram:TaxBasisTotalAmount>
        <ram:TaxTotalAmount currencyID="GBP">15.00</ram:TaxTotalAmount><ram:TaxTotalAmount currencyID="EUR">17.10</ram:TaxTotalAmount>
        <ram:GrandTotalAmount>107.10</ram:GrandTotalAmount><ram:TotalPrepaidAmount>7.10</ram:TotalPrepaidAmount><ram:DuePayableAmount>100.00</ram:DuePayableAmount></ram:SpecifiedTradeSettlementHeaderMonetarySummation>
      <ram:InvoiceReferencedDocument><ram:IssuerAssignedID>FA-0</ram:IssuerAssignedID></ram:InvoiceReferencedDocument></ram:ApplicableHeaderTradeSettlement>
  </rsm:SupplyChainTradeTransaction>
</rsm:CrossIndustryInvoice>"#;

const FATTURA: &str = r#"<p:FatturaElettronica versione="FPR12" xmlns:p="http://ivaservizi.agenziaentrate.gov.it/docs/xsd/fatture/v1.2">
  <FatturaElettronicaHeader><DatiTrasmissione><CodiceDestinatario>AB12CD3</CodiceDestinatario></DatiTrasmissione>
    <CedentePrestatore><DatiAnagrafici><IdFiscaleIVA><IdPaese>IT</IdPaese><IdCodice>01234567890</IdCodice></IdFiscaleIVA><CodiceFiscale>01234567890</CodiceFiscale>
      <Anagrafica><Nome>Ada</Nome><Cognome>Coho</Cognome></Anagrafica></DatiAnagrafici>
      <Sede><Indirizzo>Via Roma</Indirizzo><NumeroCivico>1</NumeroCivico><CAP>20121</CAP><Comune>Milano</Comune><Nazione>IT</Nazione></Sede></CedentePrestatore>
    <CessionarioCommittente><DatiAnagrafici><Anagrafica><Denominazione>Contoso</Denominazione></Anagrafica></DatiAnagrafici></CessionarioCommittente></FatturaElettronicaHeader>
  <FatturaElettronicaBody><DatiGenerali><DatiGeneraliDocumento><TipoDocumento>TD04</TipoDocumento><Divisa>EUR</Divisa><Data>2026-11-02</Data><Numero>77</Numero>
    <ScontoMaggiorazione><Tipo>SC</Tipo><Importo>10.00</Importo></ScontoMaggiorazione><Causale>Grazie</Causale></DatiGeneraliDocumento>
    <DatiOrdineAcquisto><IdDocumento>PO-7</IdDocumento></DatiOrdineAcquisto><DatiFattureCollegate><IdDocumento>70</IdDocumento></DatiFattureCollegate></DatiGenerali>
    <DatiBeniServizi><DettaglioLinee><NumeroLinea>1</NumeroLinea><CodiceArticolo><CodiceTipo>EAN</CodiceTipo><CodiceValore>4006381333931</CodiceValore></CodiceArticolo>
      <Descrizione>Tubo</Descrizione><Quantita>4.00</Quantita><UnitaMisura>pz</UnitaMisura><PrezzoUnitario>25.00</PrezzoUnitario><PrezzoTotale>100.00</PrezzoTotale><AliquotaIVA>22.00</AliquotaIVA></DettaglioLinee>
      <DatiRiepilogo><AliquotaIVA>22.00</AliquotaIVA><ImponibileImporto>90.00</ImponibileImporto><Imposta>19.80</Imposta></DatiRiepilogo></DatiBeniServizi>
    <DatiPagamento><DettaglioPagamento><DataScadenzaPagamento>2026-12-02</DataScadenzaPagamento><ImportoPagamento>50.00</ImportoPagamento><IBAN>IT60X0542811101000000123456</IBAN></DettaglioPagamento>
      <DettaglioPagamento><DataScadenzaPagamento>2027-01-02</DataScadenzaPagamento><ImportoPagamento>59.80</ImportoPagamento></DettaglioPagamento></DatiPagamento></FatturaElettronicaBody>
</p:FatturaElettronica>"#;

fn expected() -> Invoice {
    Invoice {
        code: some("380"),
        number: some("FA-1"),
        issued: Some(date(2026, 11, 2)),
        due: Some(date(2026, 12, 2)),
        delivered: Some(date(2026, 10, 30)),
        currency: some("EUR"),
        seller: Party {
            name: some("Fabrikam GmbH"),
            vat_id: some("DE123456789"),
            tax_number: some("20/123"),
            endpoint: some("billing@fabrikam.com"),
            street: some("Hafenstr. 1"),
            postcode: some("24103"),
            city: some("Kiel"),
            country: some("DE"),
            ..Party::default()
        },
        buyer: Party { name: some("Contoso"), ..Party::default() },
        iban: some("DE75512108001245126199"),
        bic: some("SOGEDEFF"),
        payment_reference: some("FA-1/10090"),
        order: some("PO-7"),
        contract: some("C-3"),
        buyer_reference: some("04011000-12345-03"),
        preceding: vec!["FA-0".to_owned()],
        notes: vec!["Thank you".to_owned()],
        lines: vec![InvoiceLine {
            position: some("1"),
            article: some("H-1"),
            name: some("Hose"),
            quantity: amount("4"),
            unit: some("H87"),
            price: amount("25.00"),
            net: amount("100.00"),
            tax_rate: amount("19"),
            ..InvoiceLine::default()
        }],
        charges: vec![Charge { reason: some("Discount"), amount: amount("-10.00") }],
        taxes: vec![Tax { category: some("S"), rate: amount("19"), net: amount("90.00"), amount: amount("17.10") }],
        net: amount("90.00"),
        tax: amount("17.10"),
        gross: amount("107.10"),
        prepaid: amount("7.10"),
        payable: amount("100.00"),
        ..Invoice::default()
    }
}

#[test]
fn the_same_invoice_is_read_out_of_both_european_syntaxes() {
    assert_eq!(read(UBL.as_bytes()), Some(Ok(expected())));
    assert_eq!(read(CII.as_bytes()), Some(Ok(expected())));
    let envelope = format!("<Envelope>{}</Envelope>", UBL.split_once("?>").unwrap().1);
    assert_eq!(read(envelope.as_bytes()), Some(Ok(expected())));
}

#[test]
fn a_german_invoice_of_the_first_zugferd_is_read_too() {
    let first = CII
        .replace("CrossIndustryInvoice", "CrossIndustryDocument")
        .replace("ExchangedDocument>", "HeaderExchangedDocument>")
        .replace("rsm:SupplyChainTradeTransaction", "rsm:SpecifiedSupplyChainTradeTransaction")
        .replace("ApplicableHeaderTrade", "ApplicableSupplyChainTrade")
        .replace("SpecifiedLineTrade", "SpecifiedSupplyChainTrade")
        .replace("SettlementHeaderMonetary", "SettlementMonetary")
        .replace("SettlementLineMonetary", "SettlementMonetary")
        .replace("RateApplicablePercent", "ApplicablePercent")
        .replace("IssuerAssignedID", "ID");
    assert_eq!(read(first.as_bytes()), Some(Ok(expected())));
}

#[test]
fn an_italian_credit_note_is_read_with_its_instalments_added_up() {
    let invoice = read(FATTURA.as_bytes()).unwrap().unwrap();
    assert_eq!(
        (invoice.kind, invoice.code.as_deref(), invoice.number.as_deref()),
        (InvoiceKind::CreditNote, Some("TD04"), Some("77"))
    );
    assert_eq!((invoice.net, invoice.tax, invoice.gross), (amount("90.00"), amount("19.80"), amount("109.80")));
    assert_eq!((invoice.payable, invoice.due), (amount("109.80"), Some(date(2026, 12, 2))));
    assert_eq!((invoice.seller.name.as_deref(), invoice.seller.vat_id.as_deref()), (Some("Ada Coho"), Some("IT01234567890")));
    assert_eq!((invoice.buyer.name.as_deref(), invoice.buyer.endpoint.as_deref()), (Some("Contoso"), Some("AB12CD3")));
    assert_eq!((invoice.order.as_deref(), invoice.preceding.as_slice()), (Some("PO-7"), ["70".to_owned()].as_slice()));
    assert_eq!(invoice.lines[0].gtin.as_deref(), Some("4006381333931"));
    let two = FATTURA.replace("</FatturaElettronicaBody>", "</FatturaElettronicaBody><FatturaElettronicaBody/>");
    assert_eq!(read(two.as_bytes()), Some(Err("it holds 2 invoices; one is read".to_owned())));
}

#[test]
fn what_is_no_invoice_is_not_taken_for_one_and_what_is_damaged_says_so() {
    for other in ["", "Invoice", "<order/>", "{\"CrossIndustryInvoice\": 1}", "<a>CreditNote</a>"] {
        assert_eq!(read(other.as_bytes()), None, "{other}");
    }
    let cut = read(&CII.as_bytes()[..900]).unwrap().unwrap_err();
    assert!(cut.starts_with("its XML is not well-formed: "), "{cut}");
    let wide: Vec<u8> = UBL.replace("UTF-8", "UTF-16").encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(read(&wide), Some(Ok(expected())));
}
